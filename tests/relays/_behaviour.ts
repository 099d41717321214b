/**
 * What a case about a relay's behaviour is made of.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { type NostrEvent, signEvent } from "../../crypto/event.ts";
import type { RelayEngineOptions } from "../../transport/testing/mod.ts";
import { ALICE, BOB, makeEvent, nowSeconds, type TestClient } from "./client.ts";

/** A relay that a case talks to. */
export interface Subject {
  /** Where clients say they are when they authenticate. */
  readonly url: string;
  /** Connects one more client. */
  connect(): Promise<TestClient>;
}

/** One thing that a relay does. */
export interface Behaviour {
  /** What, for the name of the test. */
  readonly name: string;
  /** How the relay is set up. */
  readonly options?: RelayEngineOptions;
  /** Fails when the relay does otherwise. */
  run(relay: Subject): Promise<void>;
}

/** Alice's public key. */
export const alice: string = makeEvent().pubkey;
/** Bob's public key. */
export const bob: string = makeEvent({}, BOB).pubkey;

/** The ids of events. */
export function ids(events: readonly NostrEvent[]): string[] {
  return events.map(({ id }) => id);
}

/** The lowest id first. */
export function byId(a: NostrEvent, b: NostrEvent): number {
  return a.id < b.id ? -1 : 1;
}

/** Sends a frame, and fails unless the answer matches. */
export async function readRefusal(
  client: TestClient,
  frame: string,
  pattern: RegExp,
): Promise<void> {
  client.sendRaw(frame);
  const answer = JSON.stringify(await client.read());
  assertMatch(answer, pattern);
}

/** An answer to a challenge. */
export function makeAuth(
  url: string,
  challenge: unknown,
  privateKey: Uint8Array = ALICE,
  createdAt: number = nowSeconds(),
): NostrEvent {
  const tags = [["relay", url], ["challenge", String(challenge)]];
  return signEvent({ kind: 22242, created_at: createdAt, tags, content: "" }, privateKey);
}

/** Reads a challenge and answers it. */
export async function authenticate(
  client: TestClient,
  url: string,
  privateKey = ALICE,
): Promise<void> {
  const [type, challenge] = await client.read();
  assertEquals(type, "AUTH");
  const event = makeAuth(url, challenge, privateKey);
  client.send("AUTH", event);
  assertEquals(await client.read(), ["OK", event.id, true, ""]);
}
