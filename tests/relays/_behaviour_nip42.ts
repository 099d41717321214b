/**
 * Authentication (NIP-42).
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { alice, authenticate, type Behaviour, bob, makeAuth, readRefusal } from "./_behaviour.ts";
import { ALICE, BOB, makeEvent, nowSeconds } from "./client.ts";

/** Authentication (NIP-42). */
export const NIP42: readonly Behaviour[] = [
  {
    name: "NIP-42: without authentication nothing works, with it everything",
    options: { requireAuth: true },
    async run(relay) {
      await using client = await relay.connect();
      const [type, challenge] = await client.read();
      assertEquals(type, "AUTH");
      const event = makeEvent();
      assertMatch(String((await client.publish(event))[1]), /^auth-required:/);
      await readRefusal(client, '["REQ","s",{}]', /^\["CLOSED","s","auth-required: /);
      const auth = makeAuth(relay.url, challenge);
      client.send("AUTH", auth);
      assertEquals(await client.read(), ["OK", auth.id, true, ""]);
      assertEquals(await client.publish(event), [true, ""]);
      assertEquals(await client.query("s", {}), [event]);
    },
  },
  {
    name: "NIP-42: an answer with a wrong challenge, relay, kind, time or signature is refused",
    options: { requireAuth: true },
    async run(relay) {
      await using client = await relay.connect();
      await using other = await relay.connect();
      const [, challenge] = await client.read();
      const [, otherChallenge] = await other.read();
      assert(challenge !== otherChallenge);
      const right = makeAuth(relay.url, challenge);
      const wrong = [
        makeAuth(relay.url, otherChallenge),
        makeAuth("wss://other.test", challenge),
        makeAuth("not a URL", challenge),
        makeAuth(relay.url, challenge, ALICE, nowSeconds() - 700),
        makeAuth(relay.url, challenge, ALICE, nowSeconds() + 700),
        makeEvent({ tags: right.tags }),
        { ...right, pubkey: bob },
      ];
      for (const event of wrong) {
        client.send("AUTH", event);
        const [type, id, ok, reason] = await client.read();
        assertEquals([type, id, ok], ["OK", event.id, false]);
        assertMatch(String(reason), /^invalid:/);
      }
      await readRefusal(client, '["REQ","s",{}]', /^\["CLOSED","s","auth-required: /);
      assertEquals((await client.publish(right))[0], false);
    },
  },
  {
    name: "NIP-42, R1: gift wraps alone are refused, mixed they are silently withheld",
    options: { requireAuth: "1059" },
    async run(relay) {
      await using writer = await relay.connect();
      await writer.read();
      const wrap = makeEvent({ kind: 1059, tags: [["p", bob]] });
      const second = makeEvent({ kind: 1059, tags: [["p", bob]], content: "second" });
      const plain = makeEvent({ kind: 21_059, tags: [["p", bob]] });
      await writer.publish(wrap);

      await using stranger = await relay.connect();
      await stranger.read();
      await readRefusal(
        stranger,
        '["REQ","alone",{"kinds":[1059]}]',
        /^\["CLOSED","alone","auth-required: /,
      );
      assertEquals(
        await stranger.subscribe("mixed", { kinds: [25_910, 1059, 21_059], "#p": [bob] }),
        [],
      );
      await writer.publish(second);
      await writer.publish(plain);
      assertEquals(await stranger.drain(), [["EVENT", "mixed", plain]]);
    },
  },
  {
    name: "NIP-42: gift wraps go to their recipient, stored and live, and to nobody else",
    options: { requireAuth: "1059" },
    async run(relay) {
      await using writer = await relay.connect();
      await writer.read();
      await using reader = await relay.connect();
      const stored = makeEvent({ kind: 1059, tags: [["p", bob]] }, new Uint8Array(32).fill(3));
      await writer.publish(stored);
      await authenticate(reader, relay.url, BOB);
      assertEquals(await reader.subscribe("mine", { kinds: [1059], "#p": [bob] }), [stored]);
      const live = makeEvent({ kind: 1059, tags: [["p", bob]], content: "live" });
      await writer.publish(live);
      await writer.publish(makeEvent({ kind: 1059, tags: [["p", alice]], content: "other" }));
      assertEquals(await reader.drain(), [["EVENT", "mine", live]]);
      await readRefusal(
        reader,
        JSON.stringify(["REQ", "theirs", { kinds: [1059], "#p": [alice] }]),
        /^\["CLOSED","theirs","restricted: /,
      );
    },
  },
];
