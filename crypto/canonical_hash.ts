/**
 * Hashes of JSON values that do not depend on the order of keys or on white
 * space: SHA-256 of the canonical form of RFC 8785 (JCS).
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import canonicalize from "canonicalize";

const encoder = new TextEncoder();

/** Bounds of a value that is hashed. */
export interface CanonicalHashOptions {
  /**
   * How deep arrays and objects may be nested.
   * @default {128}
   */
  readonly maxDepth?: number;
  /**
   * How large the value may be: its members, and the characters of its strings and keys.
   * @default {1_048_576}
   */
  readonly maxSize?: number;
}

/**
 * The hash of a JSON value: two values that mean the same have the same hash,
 * whatever the order of their keys. A member that is `undefined` counts as absent.
 *
 * @param value What `JSON.parse` could have made.
 * @param options Bounds, for values of strangers.
 * @returns SHA-256 of the canonical form (RFC 8785), 64 lower-case hex digits.
 * @throws {TypeError} When the value has no JSON form: a function, a symbol, a bigint, an infinite number, a lone surrogate.
 * @throws {RangeError} When the value is deeper or larger than the bounds, which one that contains itself is.
 *
 * @example
 * ```ts
 * import { canonicalHash } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(canonicalHash({ a: 1, b: [true] }), canonicalHash({ b: [true], a: 1 }));
 * ```
 */
export function canonicalHash(value: unknown, options: CanonicalHashOptions = {}): string {
  const { maxDepth = 128, maxSize = 1_048_576 } = options;
  const budget = { left: maxSize };
  checkJson(value, maxDepth, budget);
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("undefined has no JSON form");
  return bytesToHex(sha256(encoder.encode(text)));
}

/**
 * The hash by which two requests count as the same invocation (CEP-8): of the
 * method and the parameters, without `_meta`, which belongs to one sending only.
 *
 * @param method The MCP method.
 * @param params The parameters as they stand in the request; `undefined` when there are none.
 * @returns SHA-256, 64 lower-case hex digits.
 * @throws {TypeError} When the parameters have no JSON form.
 * @throws {RangeError} When the parameters are deeper than 128 levels or larger than 1 MiB.
 *
 * @example
 * ```ts
 * import { invocationHash } from "@cvm/toolkit/crypto";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   invocationHash("tools/call", { name: "add", arguments: { a: 1 }, _meta: { progressToken: 7 } }),
 *   invocationHash("tools/call", { arguments: { a: 1 }, name: "add" }),
 * );
 * ```
 */
export function invocationHash(method: string, params: unknown): string {
  return canonicalHash({ method, params: withoutMeta(params) });
}

function withoutMeta(params: unknown): unknown {
  if (typeof params !== "object" || params === null || Array.isArray(params)) return params;
  return Object.fromEntries(Object.entries(params).filter(([key]) => key !== "_meta"));
}

function checkJson(value: unknown, depth: number, budget: { left: number }): void {
  budget.left -= 1 + (typeof value === "string" ? value.length : 0);
  if (budget.left < 0) throw new RangeError("the value is too large to be hashed");
  switch (typeof value) {
    case "bigint":
    case "function":
    case "symbol":
      throw new TypeError(`a ${typeof value} has no JSON form`);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
      return;
    case "string":
      return checkText(value);
    case "object":
      break;
    default:
      return;
  }
  if (value === null) return;
  if (depth === 0) throw new RangeError("the value is nested too deeply to be hashed");
  for (const [key, member] of Object.entries(value)) {
    if (!Array.isArray(value)) {
      budget.left -= key.length;
      checkText(key);
    }
    checkJson(member, depth - 1, budget);
  }
}

function checkText(text: string): void {
  if (!text.isWellFormed()) throw new TypeError("a lone surrogate has no canonical form");
}
