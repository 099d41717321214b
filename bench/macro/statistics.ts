/**
 * Numbers of many runs made one, and put in a table.
 *
 * @module
 */

/** The value that a share of all values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** A number with three digits that count, as a cell. */
export function cell(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "–";
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

/** How many times one number is another, as a cell. */
export function ratio(value: number | undefined, base: number | undefined): string {
  if (value === undefined || base === undefined || !(base > 0)) return "–";
  const times = value / base;
  return times >= 100 ? times.toFixed(0) : times >= 10 ? times.toFixed(1) : times.toFixed(2);
}

/** A Markdown table; all columns but the first `texts` are numbers. A column without cells is left out. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { texts }: { readonly texts: number },
): string {
  const rule = head.map((_, index) => index < texts ? "---" : "---:");
  const used = head.map((_, index) => rows.some((row) => row[index] !== ""));
  return [head, rule, ...rows]
    .map((row) => `| ${row.filter((_, index) => used[index]).join(" | ")} |`)
    .join("\n");
}
