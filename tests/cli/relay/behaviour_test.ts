import { serveRelay } from "../../../cli/relay/mod.ts";
import { BEHAVIOURS } from "../../relays/behaviours.ts";
import { connect } from "../../relays/client.ts";

for (const [store, db] of [["memory", undefined], ["SQLite", ":memory:"]] as const) {
  for (const { name, options, run } of BEHAVIOURS) {
    Deno.test(`serveRelay() with ${store}, ${name}`, async () => {
      await using relay = await serveRelay({ ...options, db });
      await run({ url: relay.url, connect: () => connect(relay.url) });
    });
  }
}
