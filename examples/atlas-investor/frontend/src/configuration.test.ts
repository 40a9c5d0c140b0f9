// Reading /config.json.
import { expect, test, vi } from "vitest";
import { loadConfiguration } from "./configuration";

function answer(response: Response): void {
  vi.stubGlobal("fetch", () => Promise.resolve(response));
}

test("takes what the page needs and nothing else", async () => {
  answer(
    Response.json({ environment: "staging", apiUrl: "", mapboxToken: "pk.1", other: "ignored" }),
  );

  expect(await loadConfiguration()).toEqual({
    environment: "staging",
    apiUrl: "",
    mapboxToken: "pk.1",
  });
});

test("names what is missing", async () => {
  answer(Response.json({ environment: "staging", apiUrl: "" }));

  await expect(loadConfiguration()).rejects.toThrow("/config.json has no mapboxToken");
});

test("names a status that isn't a success", async () => {
  answer(new Response("", { status: 404 }));

  await expect(loadConfiguration()).rejects.toThrow("/config.json answered 404");
});
