import { assert, assertEquals } from "@std/assert";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { serve } from "../../transport/server.ts";
import { type Delivery, MemoryRelay } from "../../transport/testing/mod.ts";
import { connect, fixtureServer, type Log, network, textOf, until } from "./_harness.ts";

for (const encryption of ["required", "disabled"] as const) {
  Deno.test(`what is asked in an outage of the relay reaches a server that comes back later than its client, once (encryption ${encryption})`, async () => {
    const log: Log = { echoed: [], started: 0, cancelled: 0 };
    await using relay = new MemoryRelay();
    await using server = await serve(() => fixtureServer(log), {
      signer: PrivateKeySigner.generate(),
      encryption,
      ...network(relay),
    });
    await using session = await connect(relay, server.publicKey, { encryption });
    let lost = 0; // the first copies of both calls: the server is not back yet
    const onDelivery = ({ event }: Delivery) =>
      event.tags.some(([, value]) => value === server.publicKey) && ++lost <= 2 ? "drop" : "pass";
    relay.faults.set({ onDelivery });
    relay.faults.closeConnections();
    const calls = ["first", "second"].map((message) =>
      session.client.callTool({ name: "echo", arguments: { message } })
    );
    assertEquals((await Promise.all(calls)).map(textOf), ["first", "second"]);
    assertEquals(log.echoed.toSorted(), ["first", "second"]);
    assert(lost > 2);
  });
}

Deno.test("what was asked in an outage is still asked again when the relay goes once more", async () => {
  await using relay = new MemoryRelay();
  await using server = await serve(() => fixtureServer(), {
    signer: PrivateKeySigner.generate(),
    ...network(relay),
  });
  await using session = await connect(relay, server.publicKey);
  let lost = 0;
  const onDelivery = ({ event }: Delivery) =>
    event.tags.some(([, value]) => value === server.publicKey) && ++lost <= 3 ? "drop" : "pass";
  relay.faults.set({ onDelivery });
  relay.faults.closeConnections();
  const call = session.client.callTool({ name: "echo", arguments: { message: "late" } });
  // The third copy leaves three seconds later: by then the call is older than the next outage.
  await until("it was asked three times", () => lost === 3, 10_000);
  relay.faults.closeConnections();
  assertEquals(textOf(await call), "late");
});
