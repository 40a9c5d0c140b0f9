// Reading /config.json.
import { expect, test, vi } from "vitest";
import { loadConfiguration, PLAIN } from "./configuration";

function answer(response: Response): void {
  vi.stubGlobal("fetch", () => Promise.resolve(response));
}

test("takes what the page needs and nothing else", async () => {
  const configuration = { ...PLAIN, environment: "staging", mapboxToken: "pk.1", demo: true };
  answer(Response.json({ ...configuration, other: "ignored" }));

  expect(await loadConfiguration()).toEqual(configuration);
});

test("names what is missing or of another kind", async () => {
  answer(Response.json({ environment: "staging", apiUrl: "" }));
  await expect(loadConfiguration()).rejects.toThrow("/config.json has no mapboxToken");

  answer(Response.json({ ...PLAIN, demo: "false" }));
  await expect(loadConfiguration()).rejects.toThrow("/config.json has no demo");
});

test("names a status that isn't a success", async () => {
  answer(new Response("", { status: 404 }));

  await expect(loadConfiguration()).rejects.toThrow("/config.json answered 404");
});
