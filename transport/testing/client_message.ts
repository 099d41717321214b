/**
 * What a client says to a relay (NIP-01, NIP-42), read from a frame that may
 * hold anything.
 *
 * @module
 */
import type { Filter } from "../relay/filter.ts";
import type { RelayLimits } from "./limits.ts";

/** A frame from a client, as a relay understands it. */
export type ClientMessage =
  | { readonly type: "EVENT" | "AUTH"; readonly event: unknown }
  | { readonly type: "REQ"; readonly subscriptionId: string; readonly filters: readonly Filter[] }
  | { readonly type: "CLOSE"; readonly subscriptionId: string }
  /** A subscription that can't be granted: the answer is CLOSED. */
  | { readonly type: "refused"; readonly subscriptionId: string; readonly reason: string }
  /** What can't be understood: the answer is NOTICE. */
  | { readonly type: "malformed"; readonly reason: string };

/**
 * Reads a frame from a client. Never throws.
 *
 * @param frame The frame.
 * @param limits What the relay takes.
 * @returns What it means.
 */
export function parseClientMessage(frame: string, limits: RelayLimits): ClientMessage {
  let message: unknown;
  try {
    message = JSON.parse(frame);
  } catch (error) {
    return malformed(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!Array.isArray(message) || typeof message[0] !== "string") {
    return malformed("a frame is a JSON array that starts with a string");
  }
  const [type, subject] = message;
  switch (type) {
    case "EVENT":
    case "AUTH":
      return { type, event: subject };
    case "REQ":
    case "CLOSE": {
      if (typeof subject !== "string" || subject === "") {
        return malformed(`${type} needs a subscription id, a string that is not empty`);
      }
      if (subject.length > limits.maxSubscriptionIdLength) {
        const max = limits.maxSubscriptionIdLength;
        return malformed(`a subscription id has at most ${max} characters`);
      }
      if (type === "CLOSE") return { type, subscriptionId: subject };
      return parseRequest(subject, message.slice(2), limits);
    }
    default:
      return malformed(`unknown message type ${JSON.stringify(type.slice(0, 32))}`);
  }
}

function malformed(reason: string): ClientMessage {
  return { type: "malformed", reason: `invalid: ${reason}` };
}

function parseRequest(
  subscriptionId: string,
  values: readonly unknown[],
  limits: RelayLimits,
): ClientMessage {
  const refuse = (reason: string): ClientMessage => (
    { type: "refused", subscriptionId, reason: `invalid: ${reason}` }
  );
  if (values.length === 0) return refuse("REQ needs at least one filter");
  if (values.length > limits.maxFilters) {
    return refuse(`a REQ has at most ${limits.maxFilters} filters`);
  }
  const filters: Filter[] = [];
  for (const value of values) {
    const problem = findFilterProblem(value, limits);
    if (problem !== undefined) return refuse(problem);
    filters.push(value as Filter);
  }
  return { type: "REQ", subscriptionId, filters };
}

/** What is wrong with a filter, or `undefined` when nothing is. */
function findFilterProblem(value: unknown, limits: RelayLimits): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "a filter is a JSON object";
  }
  for (const [field, content] of Object.entries(value)) {
    const problem = findFieldProblem(field, content, limits);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function findFieldProblem(
  field: string,
  content: unknown,
  limits: RelayLimits,
): string | undefined {
  switch (field) {
    case "since":
    case "until":
    case "limit":
      return isUnsigned(content) ? undefined : `${field} in a filter is a number of at least 0`;
    case "ids":
    case "authors":
      return listProblem(field, content, isHex32, "of 64 lower-case hex digits", limits);
    case "kinds":
      return listProblem(field, content, isKind, "of numbers from 0 to 65535", limits);
    case "#e":
    case "#p":
      return listProblem(field, content, isHex32, "of 64 lower-case hex digits", limits);
    default:
      if (/^#[a-zA-Z]$/.test(field)) {
        return listProblem(field, content, isString, "of strings", limits);
      }
      return `unknown filter field ${JSON.stringify(field.slice(0, 32))}`;
  }
}

function listProblem(
  field: string,
  content: unknown,
  isRight: (value: unknown) => boolean,
  what: string,
  limits: RelayLimits,
): string | undefined {
  if (!Array.isArray(content) || !content.every(isRight)) {
    return `${field} in a filter is a list ${what}`;
  }
  if (content.length > limits.maxFilterValues) {
    return `${field} in a filter has at most ${limits.maxFilterValues} values`;
  }
  return undefined;
}

function isUnsigned(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isKind(value: unknown): boolean {
  return isUnsigned(value) && (value as number) <= 65_535;
}

function isHex32(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}
