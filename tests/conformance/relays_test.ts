import { serveRelay } from "../../cli/relay/mod.ts";
import { openWebSocket } from "../../cli/websocket.ts";
import { conformanceCases, RelayFaults } from "../../transport/testing/mod.ts";
import { testRelays } from "../relays/mod.ts";
import { ourTriple } from "./triples.ts";

for (const each of conformanceCases()) {
  Deno.test(`${each.requirement} ${each.id} holds for our client and server on the embedded relay`, async () => {
    const faults = Promise.withResolvers<RelayFaults>();
    await using relay = await serveRelay({
      wrap: (engine) => {
        const inFront = new RelayFaults(engine);
        faults.resolve(inFront);
        return inFront;
      },
    });
    const urls = [relay.url];
    await each.run(ourTriple({ urls, webSocket: openWebSocket, faults: await faults.promise }));
  });
}

// A foreign relay takes long to start, so it is started once, before the tests; it ends with this process.
for (const { name, start } of testRelays().filter(({ name }) => name !== "embedded")) {
  const { url } = await start();
  for (const each of conformanceCases().filter(({ needs }) => !needs.includes("faults"))) {
    Deno.test(`${each.requirement} ${each.id} holds for our client and server on ${name}`, async () => {
      await each.run(ourTriple({ urls: [url], webSocket: openWebSocket }));
    });
  }
}
