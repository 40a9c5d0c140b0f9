// The properties as points; greener is a better yield.
import type { Property } from "./api";
import { frameOf, heightOf, project, type Frame } from "./projection";

const WIDTH = 640;

interface Props {
  properties: readonly Property[];
  selected: string | null;
  mapboxToken: string;
  onSelect: (reference: string) => void;
}

export function PropertyMap({ properties, selected, mapboxToken, onSelect }: Props) {
  if (properties.length === 0) {
    return <p className="map empty">Nothing to show on the map.</p>;
  }
  const frame = frameOf(properties);
  const height = Math.round(WIDTH * heightOf(frame));
  return (
    <svg
      className="map"
      role="group"
      aria-label="Map of the properties"
      viewBox={`0 0 ${String(WIDTH)} ${String(height)}`}
    >
      {mapboxToken !== "" && (
        <image href={background(frame, height, mapboxToken)} width={WIDTH} height={height} />
      )}
      {properties.map((property) => {
        const { x, y } = project(property, frame);
        return (
          <circle
            key={property.reference}
            className={property.reference === selected ? "point selected" : "point"}
            cx={x * WIDTH}
            cy={y * height}
            r={8}
            fill={colour(property.expected_yield)}
            onClick={() => {
              onSelect(property.reference);
            }}
          >
            <title>{property.title}</title>
          </circle>
        );
      })}
    </svg>
  );
}

/** From red at 4 % to green at 7 % a year. */
function colour(expectedYield: number): string {
  const share = Math.min(Math.max((expectedYield - 4) / 3, 0), 1);
  return `hsl(${String(Math.round(share * 130))} 65% 42%)`;
}

function background({ west, south, east, north }: Frame, height: number, token: string): string {
  const box = [west, south, east, north].map((degrees) => degrees.toFixed(5)).join(",");
  const size = `${String(WIDTH)}x${String(Math.min(height, 1280))}`;
  return (
    `https://api.mapbox.com/styles/v1/mapbox/light-v11/static/[${box}]/${size}` +
    `?access_token=${encodeURIComponent(token)}`
  );
}
