// What differs between environments: read when the page loads, so that one image serves them all.

export interface Configuration {
  environment: string;
  /** Where the API is; empty on the same host. */
  apiUrl: string;
  /** With a token the map has a background. */
  mapboxToken: string;
  /** With a DSN errors are reported. */
  sentryDsn: string;
  sentryRelease: string;
  sentryEnvironment: string;
  /** The share of page loads that are traced, from 0 to 1. */
  sentryTracesSampleRate: number;
  /** Whether the page can be made to fail: see demo.ts. */
  demo: boolean;
}

/** Nothing that can be left out. */
export const PLAIN: Configuration = {
  environment: "development",
  apiUrl: "",
  mapboxToken: "",
  sentryDsn: "",
  sentryRelease: "",
  sentryEnvironment: "",
  sentryTracesSampleRate: 0.1,
  demo: false,
};

/** Reads /config.json. Rejects when it is missing or isn't what the page needs. */
export async function loadConfiguration(): Promise<Configuration> {
  const response = await fetch("/config.json", { cache: "no-store" });
  if (!response.ok) {
    throw new Error(`/config.json answered ${String(response.status)}`);
  }
  const given = (await response.json()) as Record<string, unknown>;
  const needed = Object.entries(PLAIN).map(([key, example]) => {
    if (typeof given[key] !== typeof example) {
      throw new Error(`/config.json has no ${key}`);
    }
    return [key, given[key]];
  });
  return Object.fromEntries(needed) as Configuration;
}
