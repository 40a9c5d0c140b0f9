// An error whose stack is worth looking at: open the page with #throw, where DEMO_ENDPOINTS are on.

interface Offer {
  reference: string;
  rent: number;
  price: number;
}

const OFFERS: Offer[] = [
  { reference: "DEMO-1", rent: 9_600, price: 240_000 },
  { reference: "DEMO-2", rent: 7_200, price: 0 },
];

/** Throws from a timer, where nothing catches it. */
export function throwOnDemand(hash: string): void {
  if (hash === "#throw") {
    setTimeout(() => {
      compareOffers(OFFERS);
    });
  }
}

function compareOffers(offers: readonly Offer[]): Offer[] {
  return offers.toSorted((one, other) => yieldOf(other) - yieldOf(one));
}

function yieldOf(offer: Offer): number {
  return percentage(offer.rent, offer.price, offer.reference);
}

function percentage(part: number, whole: number, name: string): number {
  if (whole === 0) {
    throw new RangeError(`Atlas Investor's demo error: ${name} is free`);
  }
  return (part / whole) * 100;
}
