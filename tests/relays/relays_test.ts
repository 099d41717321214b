import { assertEquals } from "@std/assert";
import { connect, makeEvent } from "./client.ts";
import { testRelays } from "./mod.ts";

for (const { name, start } of testRelays()) {
  Deno.test(`testRelays() ${name} delivers an ephemeral event live and keeps a stored one`, async () => {
    await using relay = await start();
    await using reader = await connect(relay.url);
    await using writer = await connect(relay.url);
    const recipient = makeEvent({}, crypto.getRandomValues(new Uint8Array(32))).pubkey;
    const event = makeEvent({ kind: 25910, tags: [["p", recipient]], content: "live" });
    assertEquals(await reader.subscribe("s", { kinds: [25910], "#p": [recipient] }), []);
    assertEquals((await writer.publish(event))[0], true);
    assertEquals(await reader.read(), ["EVENT", "s", event]);

    const stored = makeEvent({ kind: 1059, tags: [["p", recipient]], content: "stored" });
    assertEquals((await writer.publish(stored))[0], true);
    assertEquals(await writer.query("w", { kinds: [1059], "#p": [recipient] }), [stored]);
  });
}
