// The three filters above the list.
import type { District, Filters } from "./api";

interface Props {
  filters: Filters;
  districts: readonly District[];
  onChange: (filters: Filters) => void;
}

export function FilterBar({ filters, districts, onChange }: Props) {
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      <label>
        District
        <select
          value={filters.district}
          onChange={(event) => {
            onChange({ ...filters, district: event.target.value });
          }}
        >
          <option value="">Any</option>
          {districts.map(({ district, properties }) => (
            <option key={district} value={district}>
              {district} ({properties})
            </option>
          ))}
        </select>
      </label>
      <label>
        Highest price, €
        <input
          type="number"
          min={0}
          step={10000}
          value={filters.maxPrice}
          onChange={(event) => {
            onChange({ ...filters, maxPrice: event.target.value });
          }}
        />
      </label>
      <label>
        Lowest yield, %
        <input
          type="number"
          min={0}
          step={0.25}
          value={filters.minYield}
          onChange={(event) => {
            onChange({ ...filters, minYield: event.target.value });
          }}
        />
      </label>
    </form>
  );
}
