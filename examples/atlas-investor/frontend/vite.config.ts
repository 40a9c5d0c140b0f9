// How the frontend is developed, built and tested.
import react from "@vitejs/plugin-react";
import { loadEnv, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

const variables = loadEnv("development", ".", "");

/** Answers /config.json as Caddy does in the image: from the environment of the running process. */
const configuration: Plugin = {
  name: "configuration",
  configureServer(server) {
    server.middlewares.use("/config.json", (_request, response) => {
      response.setHeader("Content-Type", "application/json");
      response.end(
        JSON.stringify({
          environment: variables.ENVIRONMENT ?? "development",
          apiUrl: variables.API_URL ?? "",
          mapboxToken: variables.MAPBOX_TOKEN ?? "",
        }),
      );
    });
  },
};

export default defineConfig({
  plugins: [react(), configuration],
  server: {
    port: 5173,
    strictPort: true,
    proxy: { "/api": variables.BACKEND_URL ?? "http://localhost:8000" },
  },
  // Sentry gets the source maps; no page names them.
  build: { sourcemap: "hidden" },
  test: { unstubGlobals: true },
});
