// The one page: filters, map and list of what the API finds.
import { useEffect, useMemo, useState } from "react";
import { ANY, Api, type District, type Property } from "./api";
import type { Configuration } from "./configuration";
import { FilterBar } from "./FilterBar";
import { PropertyList } from "./PropertyList";
import { PropertyMap } from "./PropertyMap";

interface Props {
  configuration: Configuration;
}

export function App({ configuration }: Props) {
  const { apiUrl, environment, mapboxToken } = configuration;
  const api = useMemo(() => new Api(apiUrl), [apiUrl]);
  const [filters, setFilters] = useState(ANY);
  const [properties, setProperties] = useState<Property[] | null>(null);
  const [districts, setDistricts] = useState<District[]>([]);
  const [release, setRelease] = useState("");
  const [selected, setSelected] = useState<string | null>(null);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    const request = new AbortController();
    api.properties(filters, request.signal).then(
      (found) => {
        setProperties(found);
        setProblem("");
      },
      (error: unknown) => {
        // A newer search took over.
        if (!request.signal.aborted) {
          setProblem(error instanceof Error ? error.message : String(error));
        }
      },
    );
    return () => {
      request.abort();
    };
  }, [api, filters]);

  // The page is of use without either of these.
  useEffect(() => {
    const request = new AbortController();
    api.districts(request.signal).then(setDistricts, () => undefined);
    api.release(request.signal).then(setRelease, () => undefined);
    return () => {
      request.abort();
    };
  }, [api]);

  return (
    <>
      <header>
        <h1>Atlas Investor</h1>
        {environment !== "production" && <span className="environment">{environment}</span>}
      </header>
      <FilterBar filters={filters} districts={districts} onChange={setFilters} />
      {problem !== "" && <p role="alert">{problem}</p>}
      {properties === null ? (
        <p>Loading…</p>
      ) : (
        <main>
          <PropertyMap
            properties={properties}
            selected={selected}
            mapboxToken={mapboxToken}
            onSelect={setSelected}
          />
          <section>
            <p role="status">{properties.length} found</p>
            <PropertyList properties={properties} selected={selected} onSelect={setSelected} />
          </section>
        </main>
      )}
      <footer>{release !== "" && <>Release {release.slice(0, 8)}</>}</footer>
    </>
  );
}
