// Places on the map.
import { expect, test } from "vitest";
import { frameOf, heightOf, project } from "./projection";

const LISBON = { lat: 38.71, lon: -9.13 };
const BARCELONA = { lat: 41.39, lon: 2.17 };

test("every place lies inside the frame, north above south and west left of east", () => {
  const frame = frameOf([LISBON, BARCELONA]);
  const [lisbon, barcelona] = [project(LISBON, frame), project(BARCELONA, frame)];

  for (const { x, y } of [lisbon, barcelona]) {
    expect(x).toBeGreaterThan(0);
    expect(x).toBeLessThan(1);
    expect(y).toBeGreaterThan(0);
    expect(y).toBeLessThan(1);
  }
  expect(barcelona.y).toBeLessThan(lisbon.y);
  expect(lisbon.x).toBeLessThan(barcelona.x);
});

test("one place alone is in the middle", () => {
  const { x, y } = project(LISBON, frameOf([LISBON]));

  expect(x).toBeCloseTo(0.5, 5);
  expect(y).toBeCloseTo(0.5, 2);
});

test("a degree of latitude grows with the distance from the equator", () => {
  const square = { west: 0, east: 1 };

  expect(heightOf({ ...square, south: 0, north: 1 })).toBeCloseTo(1, 3);
  expect(heightOf({ ...square, south: 60, north: 61 })).toBeCloseTo(2.03, 2);
});
