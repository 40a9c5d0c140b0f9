// The backend's API, as far as the page uses it.

export interface Property {
  reference: string;
  title: string;
  district: string;
  /** Whole euros. */
  price: number;
  /** Percent a year. */
  expected_yield: number;
  /** Square metres. */
  area: number;
  lat: number;
  lon: number;
}

export interface District {
  district: string;
  properties: number;
  average_price: number;
  average_yield: number;
}

/** Filters as a person typed them; empty means any. */
export interface Filters {
  district: string;
  maxPrice: string;
  minYield: string;
}

export const ANY: Filters = { district: "", maxPrice: "", minYield: "" };

/** Writes filters as the API's query string, leaving out what isn't asked for. */
export function query(filters: Filters): string {
  const given = Object.entries({
    district: filters.district,
    max_price: filters.maxPrice,
    min_yield: filters.minYield,
  }).filter(([, value]) => value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

export class Api {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async properties(filters: Filters, signal: AbortSignal): Promise<Property[]> {
    const found = await this.#get<{ results: Property[] }>(
      `/api/properties/${query(filters)}`,
      signal,
    );
    return found.results;
  }

  async districts(signal: AbortSignal): Promise<District[]> {
    return (await this.#get<{ results: District[] }>("/api/districts/", signal)).results;
  }

  async release(signal: AbortSignal): Promise<string> {
    return (await this.#get<{ sha: string }>("/api/version", signal)).sha;
  }

  // The API's own message, where it has one, says what to do better.
  async #get<Reply>(path: string, signal: AbortSignal): Promise<Reply> {
    const response = await fetch(this.#url + path, { signal });
    if (!response.ok) {
      const reply = (await response.json().catch(() => ({}))) as { error?: string };
      throw new Error(reply.error ?? `the server answered ${String(response.status)}`);
    }
    return (await response.json()) as Reply;
  }
}
