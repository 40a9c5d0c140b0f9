// Reads the configuration, then draws the page; without one it says so.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { loadConfiguration } from "./configuration";
import { Reporter } from "./reporter";
import "./style.css";

const reporter = new Reporter();
const element = document.getElementById("root");
if (element === null) {
  throw new Error("index.html has no #root");
}
const root = createRoot(element, { onUncaughtError: reporter.onUncaughtError });
try {
  const configuration = await loadConfiguration();
  root.render(
    <StrictMode>
      <App configuration={configuration} />
    </StrictMode>,
  );
  await reporter.start(configuration);
  if (configuration.demo) {
    const demo = await import("./demo");
    demo.throwOnDemand(location.hash);
  }
} catch (error) {
  root.render(<p role="alert">Atlas Investor can&apos;t start: {String(error)}</p>);
}
