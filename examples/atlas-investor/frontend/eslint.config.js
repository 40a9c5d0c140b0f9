// What lint holds the frontend to.
import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig, globalIgnores } from "eslint/config";
import typescript from "typescript-eslint";

export default defineConfig([
  globalIgnores(["dist"]),
  js.configs.recommended,
  hooks.configs.flat.recommended,
  // Types are tsc's business, just before: rules that need them would check all of them again.
  typescript.configs.strict,
  typescript.configs.stylistic,
]);
