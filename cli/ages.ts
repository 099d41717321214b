/**
 * Times for people.
 *
 * @module
 */

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ["year", 31_557_600],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/**
 * How long ago something was, as its author says.
 *
 * @param createdAt Seconds since the epoch; a stranger may have written any number.
 * @param now The time, milliseconds since the epoch.
 */
export function ageText(createdAt: number, now: number = Date.now()): string {
  const seconds = Math.floor(now / 1000 - createdAt);
  if (!Number.isFinite(seconds)) return "of no known age";
  if (seconds < -60) return "dated in the future";
  if (seconds < 1) return "just now";
  for (const [name, length] of UNITS) {
    const count = Math.floor(seconds / length);
    if (count > 0) return `${count} ${name}${count === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

/** A time as ISO 8601 without fractions; the bare number where it is no date. */
export function timeText(createdAt: number): string {
  const date = new Date(createdAt * 1000);
  return Number.isNaN(date.getTime())
    ? `second ${createdAt}`
    : date.toISOString().replace(".000Z", "Z");
}
