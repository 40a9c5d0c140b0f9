// Where a point of the earth lies on a map of given width: the Mercator projection Mapbox uses too.

export interface Place {
  lat: number;
  lon: number;
}

export interface Frame {
  west: number;
  south: number;
  east: number;
  north: number;
}

const MARGIN = 0.08;
const SMALLEST = 0.05; // degrees: one property alone shall not fill a map of no size

/** The box around some places, with a margin. */
export function frameOf(places: readonly Place[]): Frame {
  const lats = places.map((place) => place.lat);
  const lons = places.map((place) => place.lon);
  const [south, north] = widen(Math.min(...lats), Math.max(...lats));
  const [west, east] = widen(Math.min(...lons), Math.max(...lons));
  return { west, south, east, north };
}

/** How high a map of this frame is, at a width of 1. */
export function heightOf(frame: Frame): number {
  return (mercator(frame.north) - mercator(frame.south)) / radians(frame.east - frame.west);
}

/** A place's position on the frame: x from the west, y from the north, both from 0 to 1. */
export function project(place: Place, frame: Frame): { x: number; y: number } {
  const top = mercator(frame.north);
  return {
    x: (place.lon - frame.west) / (frame.east - frame.west),
    y: (top - mercator(place.lat)) / (top - mercator(frame.south)),
  };
}

function widen(least: number, most: number): [number, number] {
  const margin = Math.max((most - least) * MARGIN, SMALLEST);
  return [least - margin, most + margin];
}

function mercator(lat: number): number {
  return Math.log(Math.tan(Math.PI / 4 + radians(lat) / 2));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
