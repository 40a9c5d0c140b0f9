// Sentry's SDK as this page uses it. Only reporter.ts imports it, when there is a DSN.
import {
  browserTracingIntegration,
  captureReactException,
  feedbackIntegration,
  init,
} from "@sentry/react";
import type { ErrorInfo } from "react";
import type { Configuration } from "./configuration";

/** Reports errors, sessions and a share of traces, and has people report problems in their own words. */
export function start(configuration: Configuration): void {
  init({
    dsn: configuration.sentryDsn,
    release: configuration.sentryRelease,
    environment: configuration.sentryEnvironment || configuration.environment,
    tracesSampleRate: configuration.sentryTracesSampleRate,
    dataCollection: { userInfo: false, cookies: false, httpBodies: [] },
    integrations: [
      browserTracingIntegration(),
      feedbackIntegration({
        colorScheme: "light",
        showBranding: false,
        triggerLabel: "Report a problem",
        formTitle: "Report a problem",
        submitButtonLabel: "Send",
        messagePlaceholder: "What went wrong? What did you expect?",
      }),
    ],
  });
}

/** Reports what nothing caught; with React's information, through which components it came. */
export function captureUncaught(error: unknown, info: ErrorInfo = {}): void {
  captureReactException(error, info, { mechanism: { handled: false, type: "uncaught" } });
}
