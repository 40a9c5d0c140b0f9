// The error on demand.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { throwOnDemand } from "./demo";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("throws later, so that nothing catches it, and only when asked to", () => {
  throwOnDemand("");
  vi.runAllTimers();

  throwOnDemand("#throw");
  expect(() => vi.runAllTimers()).toThrow("demo error");
});
