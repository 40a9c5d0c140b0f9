// Tells Sentry what goes wrong. The SDK is loaded only where there is a DSN, and errors wait for it.
import type { ErrorInfo } from "react";
import type { Configuration } from "./configuration";

type Sentry = typeof import("./sentry");

/** Collects errors from the moment it is made. */
export class Reporter {
  #sentry: Sentry | undefined;
  #waiting: [unknown, ErrorInfo?][] | undefined = [];

  constructor() {
    window.addEventListener("error", this.#onError);
    window.addEventListener("unhandledrejection", this.#onRejection);
  }

  /** For React's root, which tells the components that an error came through. */
  readonly onUncaughtError = (error: unknown, info: ErrorInfo) => {
    this.#report(error, info);
    console.error(error);
  };

  /** Starts the SDK if there is a DSN. Never rejects: the page is of use without. */
  async start(configuration: Configuration): Promise<void> {
    if (configuration.sentryDsn !== "") {
      try {
        this.#sentry = await load(configuration);
      } catch (error) {
        console.warn("Sentry can't be loaded:", error); // by a content blocker's choice, perhaps
      }
    }
    // From here on the SDK itself listens, or nobody.
    window.removeEventListener("error", this.#onError);
    window.removeEventListener("unhandledrejection", this.#onRejection);
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const [error, info] of waiting) {
      this.#report(error, info);
    }
  }

  readonly #onError = (event: ErrorEvent) => {
    this.#report(event.error ?? event.message);
  };

  readonly #onRejection = (event: PromiseRejectionEvent) => {
    this.#report(event.reason);
  };

  #report(error: unknown, info?: ErrorInfo): void {
    if (this.#sentry === undefined) {
      this.#waiting?.push([error, info]);
    } else {
      this.#sentry.captureUncaught(error, info);
    }
  }
}

async function load(configuration: Configuration): Promise<Sentry> {
  const sentry = await import("./sentry");
  sentry.start(configuration);
  return sentry;
}
