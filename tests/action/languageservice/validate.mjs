// GitHub's own checker over workflow and action files; prints what it finds and ends with 1 when that is anything.
import {readFileSync} from "node:fs";
import {register} from "node:module";
import {basename} from "node:path";

// the package imports JSON without saying so, as bundlers take it and Node doesn't
const hook = `
  import {readFileSync} from "node:fs";
  export const load = (url, context, next) => url.endsWith(".json")
    ? {format: "module", shortCircuit: true, source: "export default " + readFileSync(new URL(url), "utf8")}
    : next(url, context);
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const {validate} = await import("@actions/languageservice");
const {TextDocument} = await import("vscode-languageserver-textdocument");

let found = 0;
for (const path of process.argv.slice(2)) {
  const uri = `file:///${basename(path) === "action.yml" ? "" : ".github/workflows/"}${basename(path)}`;
  const document = TextDocument.create(uri, "yaml", 1, readFileSync(path, "utf8"));
  for (const {range, message} of await validate(document, {})) {
    found += 1;
    console.log(`${path}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
  }
}
process.exit(found ? 1 : 0);
