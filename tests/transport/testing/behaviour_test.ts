import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { BEHAVIOURS } from "../../relays/behaviours.ts";
import { TestClient } from "../../relays/client.ts";

for (const { name, options, run } of BEHAVIOURS) {
  Deno.test(`MemoryRelay, ${name}`, async () => {
    await using relay = new MemoryRelay(options);
    await run({
      url: relay.url,
      async connect() {
        const client = new TestClient(relay.webSocket(relay.url));
        await client.opened;
        return client;
      },
    });
  });
}
