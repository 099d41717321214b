/**
 * What travels to and from a key, decoded: one entry for each message.
 *
 * @module
 */
import { isNostrEvent, type NostrEvent, verifyEvent } from "../../../crypto/event.ts";
import { isGiftWrapKind, unwrapEvent } from "../../../crypto/gift_wrap.ts";
import { formatNpub } from "../../../crypto/keys.ts";
import type { Signer } from "../../../crypto/signer.ts";
import { CvmError } from "../../../errors.ts";
import type { JsonRpcMessage } from "../../../transport/types.ts";
import { type Frame, frameOf } from "../../../transport/wire/frames.ts";
import { isJsonRpcMessage } from "../../../transport/wire/message.ts";
import { tagValue } from "../../../transport/wire/tags.ts";
import { sanitizeLine, toSafeJson } from "../../sanitize.ts";
import { isObject } from "./json_schema.ts";

/** What is shown of one message, UTF-16 code units. */
const MAX_SHOWN = 400;
/** Letters of a key that are shown. */
const SHORT_KEY = 12;

/** An event that came, decoded as far as we can. */
export interface TrafficEntry {
  /** When it came, milliseconds since the epoch. */
  readonly at: number;
  /** The relay that sent it first. */
  readonly relay: string;
  /** Whether the relay had it in store. */
  readonly stored: boolean;
  /** The kind of its gift wrap; `null` for plain text. */
  readonly wrap: number | null;
  /** The id of the event that came, which is the wrap where there is one. */
  readonly id: string;
  /** The event itself, out of its wrap; `null` when it can't be opened. */
  readonly event: NostrEvent | null;
  /** Why it can't be opened, or is not genuine. */
  readonly problem?: string;
}

/**
 * Decodes an event. What is wrong with it is part of what there is to see.
 *
 * @param event What came, of any worth.
 * @param from Where and when it came.
 * @param signers The keys that may open it, by public key.
 */
export async function decode(
  event: NostrEvent,
  from: Pick<TrafficEntry, "at" | "relay" | "stored">,
  signers: ReadonlyMap<string, Signer>,
): Promise<TrafficEntry> {
  const common = { ...from, id: event.id };
  if (!isGiftWrapKind(event.kind)) {
    const problem = verifyEvent(event) ? {} : { problem: "its signature does not hold" };
    return { ...common, wrap: null, event, ...problem };
  }
  const signer = signers.get(tagValue(event.tags, "p") ?? "");
  const wrapped = { ...common, wrap: event.kind };
  if (signer === undefined) return { ...wrapped, event: null, problem: "it is for another key" };
  try {
    return { ...wrapped, event: await unwrapEvent(event, signer) };
  } catch (error) {
    if (!(error instanceof CvmError)) throw error;
    return { ...wrapped, event: null, problem: error.message };
  }
}

/** Reads an entry of a recording; `undefined` for what is none. */
export function parseEntry(value: unknown): TrafficEntry | undefined {
  if (!isObject(value)) return undefined;
  const { at, relay, stored, wrap, id, event, problem } = value;
  if (typeof at !== "number" || typeof relay !== "string" || typeof id !== "string") {
    return undefined;
  }
  if (event !== null && !isNostrEvent(event)) return undefined;
  return {
    at,
    relay,
    stored: stored === true,
    wrap: typeof wrap === "number" ? wrap : null,
    id,
    event,
    ...(typeof problem === "string" ? { problem } : {}),
  };
}

/** The JSON-RPC message in an event; `undefined` when there is none. */
export function messageOf({ event }: TrafficEntry): JsonRpcMessage | undefined {
  if (event === null) return undefined;
  try {
    const value: unknown = JSON.parse(event.content);
    return isJsonRpcMessage(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // it is shown as it is
    throw error;
  }
}

/** One line for people: when, from whom to whom, in what, and what it says. */
export function entryText(entry: TrafficEntry): string {
  const { at, wrap, event, problem, stored, relay, id } = entry;
  const date = new Date(at);
  const time = Number.isNaN(date.getTime()) ? "?" : date.toISOString().slice(11, 23);
  const from = event === null ? "?" : shortKey(event.pubkey);
  const to = event === null ? "?" : shortKey(tagValue(event.tags, "p") ?? "");
  const answers = event === null ? undefined : tagValue(event.tags, "e");
  return [
    `${time}  ${from} → ${to}  ${wrap ?? "plain"}${stored ? " stored" : ""}`,
    ...(problem === undefined ? [] : [`! ${sanitizeLine(problem, 200)}`]),
    ...(event === null ? [] : [contentText(entry, event)]),
    ...(answers === undefined ? [] : [`(to ${sanitizeLine(answers.slice(0, 8))})`]),
    `[${sanitizeLine((event?.id ?? id).slice(0, 8))} ${sanitizeLine(relay, 100)}]`,
  ].join("  ");
}

function contentText(entry: TrafficEntry, event: NostrEvent): string {
  const message = messageOf(entry);
  if (message === undefined) return `kind ${event.kind}: ${sanitizeLine(event.content, MAX_SHOWN)}`;
  const frame = frameOf(message);
  if (frame !== undefined) return frameText(frame);
  const id = "id" in message && message.id !== undefined ? ` #${message.id}` : "";
  const [what, value] = "method" in message
    ? [message.method, message.params]
    : "result" in message
    ? ["result", message.result]
    : ["error", message.error];
  const json = value === undefined ? "" : ` ${toSafeJson(value)}`;
  return sanitizeLine(`${what}${id}${json}`, MAX_SHOWN);
}

function frameText({ profile, frameType, token, progress, fields }: Frame): string {
  const { data, totalBytes, totalChunks } = fields;
  const size = typeof data === "string" ? ` ${data.length} characters` : "";
  const total = typeof totalBytes === "number" ? ` ${totalBytes} bytes in ${totalChunks}` : "";
  return sanitizeLine(`${profile} ${frameType} ${progress} of ${token}${size}${total}`, MAX_SHOWN);
}

function shortKey(publicKey: string): string {
  if (!/^[0-9a-f]{64}$/.test(publicKey)) return "?";
  return formatNpub(publicKey).slice(0, SHORT_KEY);
}
