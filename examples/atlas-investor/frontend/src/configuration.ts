// What differs between environments: read when the page loads, so that one image serves them all.

export interface Configuration {
  environment: string;
  /** Where the API is; empty on the same host. */
  apiUrl: string;
  /** With a token the map has a background. */
  mapboxToken: string;
}

/** Reads /config.json. Rejects when it is missing or isn't what the page needs. */
export async function loadConfiguration(): Promise<Configuration> {
  const response = await fetch("/config.json", { cache: "no-store" });
  if (!response.ok) {
    throw new Error(`/config.json answered ${String(response.status)}`);
  }
  const given = (await response.json()) as Partial<Record<keyof Configuration, unknown>>;
  const text = (key: keyof Configuration): string => {
    const value = given[key];
    if (typeof value !== "string") {
      throw new Error(`/config.json has no ${key}`);
    }
    return value;
  };
  return {
    environment: text("environment"),
    apiUrl: text("apiUrl"),
    mapboxToken: text("mapboxToken"),
  };
}
