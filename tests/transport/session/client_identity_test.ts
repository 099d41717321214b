import { assertEquals } from "@std/assert";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { listen, type RequestContext, type Session } from "../../../transport/server.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import type { JsonRpcRequest } from "../../../transport/types.ts";
import { network, RawPeer } from "../_harness.ts";

const CLAIM = { clientPubkey: "f".repeat(64), requestEventId: "e".repeat(64), other: 1 };

/** What a server sees of requests that are written by hand. */
async function seen(injectClientPubkey: boolean | undefined, ...messages: object[]) {
  await using relay = new MemoryRelay();
  await using listener = await listen({
    signer: PrivateKeySigner.generate(),
    injectClientPubkey,
    ...network(relay),
  });
  await using peer = await RawPeer.open(relay);
  const events = [];
  for (const message of messages) {
    const event = await peer.message(listener.publicKey, { jsonrpc: "2.0", ...message });
    events.push(event.id);
    peer.publish(event);
  }
  const requests: (JsonRpcRequest & { _meta?: unknown })[] = [];
  const contexts: (RequestContext | undefined)[] = [];
  for await (const session of listener) {
    await received(session, messages.length, requests, contexts);
    break;
  }
  return { requests, contexts, events, pubkey: peer.pubkey };
}

async function received(
  session: Session,
  count: number,
  requests: JsonRpcRequest[],
  contexts: (RequestContext | undefined)[],
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  session.onmessage = (request) => {
    requests.push(request);
    contexts.push(session.contextOf(request.id));
    if (requests.length === count) resolve();
  };
  await session.start();
  await promise;
}

Deno.test("CEP16-1: with injectClientPubkey, a request says in params._meta who made it and in which event", async () => {
  const { requests, events, pubkey } = await seen(
    true,
    { id: 1, method: "tools/call", params: { name: "x", _meta: { progressToken: 7, ...CLAIM } } },
    { id: 2, method: "tools/list" },
  );
  const [call, list] = requests;
  const [first, second] = events;
  assertEquals(call!.params, {
    name: "x",
    _meta: { progressToken: first, other: 1, clientPubkey: pubkey, requestEventId: first },
  });
  assertEquals(list!.params, { _meta: { clientPubkey: pubkey, requestEventId: second } });
});

Deno.test("CEP16-2: what a client claims to be is not passed on, wherever it stands, with the option or without", async () => {
  for (const inject of [undefined, false]) {
    const { requests } = await seen(
      inject,
      { id: 1, method: "tools/call", params: { name: "x", _meta: CLAIM }, _meta: CLAIM },
      { id: 2, method: "tools/call", params: { name: "x", _meta: { other: 1 } } },
      { id: 3, method: "tools/list" },
      { method: "notifications/x", params: { _meta: CLAIM } },
    );
    assertEquals(requests.map(({ params, _meta }) => [params, _meta]), [
      [{ name: "x", _meta: { other: 1 } }, { other: 1 }],
      [{ name: "x", _meta: { other: 1 } }, undefined],
      [undefined, undefined],
      [{ _meta: { other: 1 } }, undefined],
    ]);
  }
});

Deno.test("CEP16-3: a session tells who made a request, without any option", async () => {
  const { contexts, events, pubkey } = await seen(undefined, { id: 1, method: "ping" });
  assertEquals(contexts, [{ clientPubkey: pubkey, requestEventId: events[0], encrypted: false }]);
});
