// The properties as a table.
import type { Property } from "./api";

const EUROS = new Intl.NumberFormat("en-IE", {
  style: "currency",
  currency: "EUR",
  maximumFractionDigits: 0,
});

interface Props {
  properties: readonly Property[];
  selected: string | null;
  onSelect: (reference: string) => void;
}

export function PropertyList({ properties, selected, onSelect }: Props) {
  return (
    <table>
      <thead>
        <tr>
          <th>Property</th>
          <th>District</th>
          <th className="number">Area</th>
          <th className="number">Price</th>
          <th className="number">Yield</th>
        </tr>
      </thead>
      <tbody>
        {properties.map((property) => (
          <tr
            key={property.reference}
            aria-selected={property.reference === selected}
            onClick={() => {
              onSelect(property.reference);
            }}
          >
            <td>{property.title}</td>
            <td>{property.district}</td>
            <td className="number">{property.area} m²</td>
            <td className="number">{EUROS.format(property.price)}</td>
            <td className="number">{property.expected_yield.toFixed(2)} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
