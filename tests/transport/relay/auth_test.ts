import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PrivateKeySigner, type Signer } from "../../../crypto/mod.ts";
import { RelayError } from "../../../errors.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import {
  collect,
  framesOf,
  makeEvent,
  poolOn,
  reasonOf,
  settle,
  statusOf,
  until,
} from "./_harness.ts";

Deno.test("F37: a relay that refuses 1059 does not take 25910 and 21059 with it", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ refuseSubscriptions: { reason: "auth-required: no", kinds: [1059] } });
  await using pool = poolOn([relay]);
  const heard = collect();
  let refusals = 0;
  pool.subscribe({ kinds: [25910, 21059] }, heard);
  pool.subscribe({ kinds: [1059] }, { ...heard, onClosed: () => refusals++ }, { essential: false });
  await pool.ready();
  assertEquals((await pool.publish(await makeEvent())).accepted, [relay.url]);
  await until("the event came back", () => heard.ids.length === 1);
  await until("1059 is asked for again and again", () => refusals >= 3);
  assertEquals(relay.connectionCount, 1);
});

Deno.test("F37: a relay that withholds 1059 silently does not take the others with it", async () => {
  await using relay = new MemoryRelay();
  relay.faults.set({ withholdKinds: [1059] });
  await using pool = poolOn([relay]);
  const heard = collect();
  pool.subscribe({ kinds: [25910, 21059] }, heard);
  pool.subscribe({ kinds: [1059] }, heard, { essential: false });
  await pool.ready();
  const wrap = await makeEvent({ kind: 1059 });
  const ephemeral = await makeEvent({ kind: 21059 });
  await pool.publish(wrap);
  await pool.publish(ephemeral);
  await until("the event came back", () => heard.ids.length === 1);
  assertEquals(heard.ids, [ephemeral.id]);
});

Deno.test("F37, NIP42-1: AUTH is done after CLOSED auth-required, and 1059 arrives", async () => {
  const signer = PrivateKeySigner.generate();
  await using relay = new MemoryRelay({ requireAuth: "1059" });
  await using pool = poolOn([relay], { signer });
  const heard = collect();
  pool.subscribe({ kinds: [25910, 21059] }, heard);
  pool.subscribe({ kinds: [1059], "#p": [signer.pubkey] }, heard, { essential: false });
  await pool.ready();
  await until("it is authenticated", () => statusOf(pool, relay).authenticated);
  await until("both are subscribed", () => relay.subscriptions.length === 2);
  const wrap = await makeEvent({ kind: 1059, p: signer.pubkey });
  await pool.publish(wrap);
  await until("the wrap came back", () => heard.ids.includes(wrap.id));
  const [, auth] = framesOf(relay, "AUTH")[0] as [string, { kind: number; tags: string[][] }];
  assertEquals(auth.kind, 22242);
  assertEquals(auth.tags[0], ["relay", relay.url]);
  assertEquals(auth.tags[1]?.[0], "challenge");
});

Deno.test("F37: a relay that wants AUTH before anything is served, after each reconnect too", async () => {
  await using relay = new MemoryRelay({ requireAuth: true });
  await using pool = poolOn([relay], { signer: PrivateKeySigner.generate() });
  const heard = collect();
  pool.subscribe({ kinds: [25910] }, heard);
  await pool.ready();
  relay.faults.closeConnections(1001);
  await until("the subscription is back", () => {
    return relay.connectionCount === 2 && relay.subscriptions.length === 1;
  });
  const event = await makeEvent();
  await pool.publish(event);
  await until("the event came back", () => heard.ids.includes(event.id));
});

Deno.test("F37: without a signer the refusal says so", async () => {
  await using relay = new MemoryRelay({ requireAuth: true });
  await using pool = poolOn([relay]);
  pool.subscribe({ kinds: [25910] }, collect());
  const error = await assertRejects(() => pool.ready({ timeoutMs: 500 }), RelayError);
  assertEquals(error.code, "SUBSCRIPTION_REFUSED");
  assertStringIncludes(reasonOf(error, relay), "CLOSED auth-required:");
});

Deno.test("F37: a signer that fails or never answers is named, and holds nothing else up", async () => {
  const base = PrivateKeySigner.generate();
  const failing: Signer = {
    getPublicKey: () => base.getPublicKey(),
    signEvent: () => Promise.reject(new Error("the user said no")),
  };
  const silent: Signer = { ...failing, signEvent: () => new Promise(() => {}) };
  for (
    const [signer, words] of [
      [failing, "the signer failed to sign an AUTH event: the user said no"],
      [silent, "the signer did not sign an AUTH event within 30 ms"],
    ] as const
  ) {
    await using relay = new MemoryRelay();
    relay.faults.set({ refuseEvents: { reason: "auth-required: who?" } });
    await using pool = poolOn([relay], { signer, publishTimeoutMs: 30 });
    const event = await makeEvent();
    const error = await assertRejects(() => pool.publish(event, { timeoutMs: 2_000 }), RelayError);
    assertEquals(reasonOf(error, relay), `auth-required: who?; ${words}`);
  }
});

Deno.test("F37: a flood of challenges makes us sign a few times only", async () => {
  const base = PrivateKeySigner.generate();
  let signatures = 0;
  await using relay = new MemoryRelay();
  await using pool = poolOn([relay], {
    signer: {
      getPublicKey: () => base.getPublicKey(),
      signEvent: (template) => {
        signatures++;
        return base.signEvent(template);
      },
    },
  });
  await pool.ready();
  for (let i = 0; i < 100; i++) relay.faults.send(JSON.stringify(["AUTH", `challenge ${i}`]));
  relay.faults.send(JSON.stringify(["AUTH", "x".repeat(10_000)]));
  await settle(pool, relay);
  assert(signatures > 0 && signatures <= 8, `${signatures} signatures`);
});
