// How the frontend is developed, built and tested.
import { sentryVitePlugin } from "@sentry/vite-plugin";
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
          sentryDsn: variables.SENTRY_FRONTEND_DSN ?? "",
          sentryRelease: variables.SENTRY_RELEASE ?? "",
          sentryEnvironment: variables.SENTRY_ENVIRONMENT ?? "",
          sentryTracesSampleRate: Number(variables.SENTRY_TRACES_SAMPLE_RATE || 0.1),
          demo: /^(1|true|yes|on)$/i.test(variables.DEMO_ENDPOINTS ?? ""),
        }),
      );
    });
  },
};

/** Gives each bundle and its map a debug id made from the bundle, and no more: Tagship uploads them. */
const debugIds = sentryVitePlugin({
  sourcemaps: { disable: "disable-upload" },
  release: { inject: false, create: false, finalize: false },
  telemetry: false,
});

export default defineConfig({
  plugins: [react(), configuration, debugIds],
  server: {
    port: 5173,
    strictPort: true,
    proxy: { "/api": variables.BACKEND_URL ?? "http://localhost:8000" },
  },
  // Sentry gets the maps; no page names them.
  build: { sourcemap: "hidden" },
  test: { unstubGlobals: true },
});
