import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PrivateKeySigner, unwrapEvent } from "../../crypto/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { Outbox } from "../../transport/session/outbox.ts";
import { OutgoingTransfer } from "../../transport/transfer/outgoing_transfer.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import type { JsonRpcMessage } from "../../transport/types.ts";
import { signedEventBytes, wrappedBytes } from "../../transport/wire/event_size.ts";
import { frameOf } from "../../transport/wire/frames.ts";
import { randomSalt } from "../../transport/wire/unique_events.ts";
import { poolOptions, RawPeer, until } from "../transport/_harness.ts";
import { limits, Receiver } from "../transport/transfer/_harness.ts";

const units = fc.constantFrom("x", '"', "\\", "\n", "\u0001", "é", "漢", "😀", "\ud800", 'a"b');
/** The greatest frame that a relay takes, in bytes. */
const frameBytes = fc.integer({ min: 8_192, max: 65_536 });
/** How far a message is from filling an event: a factor, and bytes around the border. */
const fillings = fc.tuple(
  fc.constantFrom(0.3, 1, 1, 1, 2.5),
  fc.integer({ min: -200, max: 200 }),
);

/** A message whose event would have about so many bytes. */
function messageOf(unit: string, eventBytes: number, recipient: string): JsonRpcMessage {
  const sized = (text: string): JsonRpcMessage => ({ jsonrpc: "2.0", id: 1, result: { text } });
  const bytesOf = (text: string) =>
    signedEventBytes({
      kind: 25910,
      created_at: 1_700_000_000,
      tags: [["p", recipient]],
      content: JSON.stringify(sized(text)),
    });
  const perUnit = bytesOf(unit) - bytesOf("");
  const times = Math.max(0, Math.floor((eventBytes - bytesOf("")) / perUnit));
  const rest = Math.max(0, eventBytes - bytesOf(unit.repeat(times)));
  return sized(unit.repeat(times) + "x".repeat(rest));
}

for (const wrapKind of [undefined, 21059] as const) {
  Deno.test(`F40, CEP22-19: whatever a message's size, no event exceeds what relays take, and all of it arrives, wrap ${wrapKind}`, async () => {
    await fc.assert(
      fc.asyncProperty(units, frameBytes, fillings, async (unit, max, [factor, bytes]) => {
        await using relay = new MemoryRelay({ limits: { maxFrameBytes: max } });
        await using peer = await RawPeer.open(relay);
        const limitation = { max_message_length: max };
        const signer = PrivateKeySigner.generate();
        await using pool = new RelayPool([relay.url], {
          ...poolOptions(relay),
          fetchRelayInfo: () => Promise.resolve({ limitation }),
        });
        await pool.ready();
        await until("the limits are known", () => pool.limits().maxMessageBytes === max);
        const { signal } = new AbortController();
        const outbox = new Outbox({ pool, signer, now: Date.now, salt: randomSalt(), signal });
        const room = wrapKind === undefined ? max - 10 : wrappedBytes(max - 10);
        const message = messageOf(unit, Math.floor(room * factor) + bytes, peer.pubkey);
        const transfer = new OutgoingTransfer({ token: "t", isWelcome: true, limits: limits() });
        // What would equal another event gets a salt more.
        for (let copy = 0; copy < 2; copy++) {
          await outbox.send({ jsonrpc: "2.0", method: "x" }, { recipient: peer.pubkey, wrapKind });
        }
        await outbox.send(message, { recipient: peer.pubkey, wrapKind, transfer });
        const receiver = new Receiver();
        const whole: JsonRpcMessage[] = [];
        await until("everything has arrived", () => peer.received.length > 2);
        for (let seen = 2; receiver.messages.length + whole.length === 0; seen++) {
          await until("the rest arrives", () => peer.received.length > seen);
          const event = peer.received[seen]!;
          assert(JSON.stringify(["EVENT", event]).length <= max);
          const inner = wrapKind === undefined ? event : await unwrapEvent(event, peer.signer);
          const one: JsonRpcMessage = JSON.parse(inner.content);
          const frame = frameOf(one);
          if (frame === undefined) whole.push(one);
          else await receiver.take(frame);
        }
        assertEquals([...whole, ...receiver.messages], [message]);
      }),
      { numRuns: 25 },
    );
  });
}
