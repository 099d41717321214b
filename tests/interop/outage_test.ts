/** A call that is under way while its client is cut off, on a server that runs each copy of a plain event. */
import { assertEquals } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { serveRelay } from "../../cli/relay/mod.ts";
import { Line } from "./_line.ts";
import { ConnectedClient, until } from "./_peers.ts";
import { SdkPeer } from "./_sdk_peer.ts";

/** By then a client has asked again twice. */
const ASKED_AGAIN_MS = 3_500;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const encryption of ["disabled", "required"] as const) {
  Deno.test(`a call on a server of @contextvm/sdk runs once, whatever becomes of its client's relay (encryption ${encryption})`, async () => {
    await using relay = await serveRelay();
    await using sdk = new SdkPeer();
    await using line = new Line(relay.url);
    const modes = { encryption, giftWrap: "optional" } as const;
    const transport = sdk.transport({ ...modes, relays: [relay.url], role: "server" });
    let runs = 0;
    const mcp = new McpServer({ name: "slow", version: "1.0.0" });
    mcp.registerTool("later", {}, async ({ signal }) => {
      runs += 1;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { content: [] };
    });
    await mcp.connect(transport);
    // What a client asks left just before its outage, or long before.
    for (const ageMs of [0, 2_500]) {
      await using client = await ConnectedClient.open([line.url], transport.publicKey, modes);
      const before = runs;
      const stop = new AbortController();
      const call = client.mcp.callTool({ name: "later" }, undefined, { signal: stop.signal })
        .catch((error) => error);
      await until(() => runs > before, "the call");
      await wait(ageMs);
      line.cut();
      line.mend();
      await wait(ASKED_AGAIN_MS);
      assertEquals(runs - before, 1);
      stop.abort(new Error("enough"));
      await call;
    }
    await mcp.close();
  });
}
