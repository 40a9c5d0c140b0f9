// The page as a person uses it; only the network is played.
// @vitest-environment happy-dom
import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Property } from "./api";
import { App } from "./App";
import { PLAIN } from "./configuration";

const LISBON: Property = {
  reference: "PT-0001",
  title: "Rua da Figueira Velha 12",
  district: "Lisboa",
  price: 335_000,
  expected_yield: 4.6,
  area: 62,
  lat: 38.7139,
  lon: -9.1334,
};
const PORTO: Property = {
  ...LISBON,
  reference: "PT-0006",
  title: "Rua do Cais Novo 77",
  district: "Porto",
  price: 268_000,
  expected_yield: 5.6,
  lat: 41.1496,
  lon: -8.6109,
};
const DISTRICTS = [
  { district: "Lisboa", properties: 1, average_price: 335_000, average_yield: 4.6 },
  { district: "Porto", properties: 1, average_price: 268_000, average_yield: 5.6 },
];

const asked: string[] = [];
const replies = new Map<string, () => Response>();

function search(url: URL): Property[] {
  return [PORTO, LISBON].filter(
    (property) =>
      (url.searchParams.get("district") ?? property.district) === property.district &&
      property.price <= Number(url.searchParams.get("max_price") ?? Infinity) &&
      property.expected_yield >= Number(url.searchParams.get("min_yield") ?? 0),
  );
}

beforeEach(() => {
  asked.length = 0;
  replies.clear();
  replies.set("/api/districts/", () => Response.json({ results: DISTRICTS }));
  replies.set("/api/version", () => Response.json({ sha: "0123456789abcdef" }));
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    const url = new URL(path, "http://localhost");
    const reply = replies.get(url.pathname);
    return Promise.resolve(reply?.() ?? Response.json({ results: search(url) }));
  });
});

afterEach(cleanup);

function draw(configuration = {}) {
  render(<App configuration={{ ...PLAIN, environment: "staging", ...configuration }} />);
}

function titles(): (string | null)[] {
  return within(screen.getByRole("table"))
    .getAllByRole("row")
    .slice(1)
    .map((row) => within(row).getAllByRole("cell")[0]?.textContent ?? null);
}

test("lists what the API finds, on the map and in the table", async () => {
  draw();

  expect((await screen.findByRole("status")).textContent).toBe("2 found");
  expect(titles()).toEqual([PORTO.title, LISBON.title]);
  const map = screen.getByRole("group", { name: "Map of the properties" });
  expect(map.querySelectorAll("circle")).toHaveLength(2);
  expect(screen.getByText("€268,000")).toBeTruthy();
  expect(screen.getByText("5.60 %")).toBeTruthy();
});

test("filters by district, price and yield", async () => {
  const user = userEvent.setup();
  draw();
  await screen.findByRole("option", { name: "Lisboa (1)" });

  await user.selectOptions(screen.getByLabelText("District"), "Lisboa");
  await waitFor(() => {
    expect(titles()).toEqual([LISBON.title]);
  });

  await user.type(screen.getByLabelText("Lowest yield, %"), "5");
  await screen.findByText("Nothing to show on the map.");

  await user.selectOptions(screen.getByLabelText("District"), "Any");
  await user.type(screen.getByLabelText("Highest price, €"), "300000");
  await waitFor(() => {
    expect(titles()).toEqual([PORTO.title]);
  });
  expect(asked.at(-1)).toBe("/api/properties/?max_price=300000&min_yield=5");
});

test("selects the same property in the table and on the map", async () => {
  const user = userEvent.setup();
  draw();

  await user.click(await screen.findByRole("cell", { name: LISBON.title }));

  expect(document.querySelector("circle.selected title")?.textContent).toBe(LISBON.title);

  const [first] = document.querySelectorAll("circle");
  await user.click(first as Element);

  expect(document.querySelector("tr[aria-selected=true]")?.textContent).toContain(PORTO.title);
});

test("says what the API says when a search fails", async () => {
  replies.set("/api/properties/", () =>
    Response.json({ error: "max_price must be a number" }, { status: 400 }),
  );
  draw();

  expect((await screen.findByRole("alert")).textContent).toBe("max_price must be a number");
});

test("an error without a message still has its status", async () => {
  replies.set("/api/properties/", () => new Response("<html>", { status: 502 }));
  draw();

  expect((await screen.findByRole("alert")).textContent).toBe("the server answered 502");
});

test("names its release, and the environment unless it is production", async () => {
  draw();
  expect(await screen.findByText("Release 01234567")).toBeTruthy();
  expect(screen.getByText("staging")).toBeTruthy();

  cleanup();
  draw({ environment: "production" });
  await screen.findByText("Release 01234567");
  expect(screen.queryByText("production")).toBeNull();
});

test("asks the API and Mapbox that its configuration names", async () => {
  draw({ apiUrl: "https://api.example.com", mapboxToken: "pk.a/b" });
  await screen.findByRole("status");

  expect(asked).toContain("https://api.example.com/api/properties/");
  const background = document.querySelector("image")?.getAttribute("href");
  expect(background).toMatch(/^https:\/\/api\.mapbox\.com\/.*access_token=pk\.a%2Fb$/);
});
