/**
 * Limits and policy.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { type Behaviour, ids, readRefusal } from "./_behaviour.ts";
import { makeEvent, nowSeconds } from "./client.ts";

/** Limits and policy. */
export const LIMITS: readonly Behaviour[] = [
  {
    name: "limits: subscriptions, filters, values of a filter and stored events are bounded",
    options: {
      limits: { maxSubscriptions: 2, maxFilters: 2, maxFilterValues: 3, maxLimit: 2 },
    },
    async run(relay) {
      await using client = await relay.connect();
      for (const content of ["a", "b", "c"]) await client.publish(makeEvent({ content }));
      assertEquals((await client.subscribe("1", {})).length, 2);
      assertEquals((await client.subscribe("2", { limit: 50 })).length, 2);
      await readRefusal(client, '["REQ","3",{}]', /^\["CLOSED","3","error: at most 2 subscr/);
      await readRefusal(client, '["REQ","2",{},{},{}]', /^\["CLOSED","2","invalid: /);
      await readRefusal(client, '["REQ","4",{"kinds":[1,2,3,4]}]', /^\["CLOSED","4","invalid: /);
      assertEquals((await client.query("3", {})).length, 2);
    },
  },
  {
    name: "limits: what is stored is sent up to a length, the newest first",
    options: { limits: { maxReplyLength: 3_000 } },
    async run(relay) {
      await using client = await relay.connect();
      const content = "x".repeat(1_000);
      const old = makeEvent({ created_at: nowSeconds() - 9, content });
      const now = nowSeconds();
      const events = [1, 2].map((age) => makeEvent({ created_at: now - age, content }));
      for (const event of [old, ...events]) await client.publish(event);
      assertEquals(ids(await client.query("s", {})), ids(events));
    },
  },
  {
    name: "limits: created_at has bounds, narrower ones for ephemeral events",
    options: {
      limits: { maxAgeSeconds: 1_000, maxEphemeralAgeSeconds: 60, maxFutureSeconds: 900 },
    },
    async run(relay) {
      await using client = await relay.connect();
      const now = nowSeconds();
      const cases: [kind: number, age: number, ok: boolean][] = [
        [1, 900, true],
        [1, 1_100, false],
        [25_910, 30, true],
        [25_910, 90, false],
        [1, -800, true],
        [1, -1_000, false],
      ];
      for (const [kind, age, ok] of cases) {
        const answer = await client.publish(makeEvent({ kind, created_at: now - age }));
        assertEquals(answer[0], ok, `kind ${kind}, ${age} s old: ${answer[1]}`);
      }
    },
  },
  {
    name: "limits: a large event is refused by its bytes, a larger frame ends the connection",
    options: { limits: { maxEventBytes: 1_000, maxFrameBytes: 3_000 } },
    async run(relay) {
      await using client = await relay.connect();
      const [ok, reason] = await client.publish(makeEvent({ content: "é".repeat(400) }));
      assertEquals([ok, reason], [false, "invalid: an event has at most 1000 bytes"]);
      assertEquals(await client.publish(makeEvent({ content: "e".repeat(400) })), [true, ""]);
      client.sendRaw(`["${"é".repeat(1_500)}"]`);
      assertMatch(String((await client.read())[1]), /at most 3000 bytes/);
      assertEquals((await client.closed).code, 1009);
    },
  },
  {
    name: "policy: an event is refused in the operator's words, before its signature is checked",
    options: {
      policy: ({ kind }) => kind === 1 ? "blocked: no notes here" : undefined,
      verify: ({ kind }) => {
        assertEquals(kind, 2);
        return true;
      },
    },
    async run(relay) {
      await using client = await relay.connect();
      assertEquals(await client.publish(makeEvent()), [false, "blocked: no notes here"]);
      assertEquals(await client.publish(makeEvent({ kind: 2 })), [true, ""]);
    },
  },
];
