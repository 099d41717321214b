import { assertEquals } from "@std/assert";
import { serveRelay } from "../../cli/relay/mod.ts";
import {
  describeServer,
  discover,
  type DiscoverOptions,
  toolSchemaHash,
  verifyCommonSchemas,
} from "../../transport/discovery/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { ConnectedClient, serveTools, until } from "./_peers.ts";
import { SdkPeer } from "./_sdk_peer.ts";
import { TOOL_NAMES } from "./_tools.ts";

const MODES = { encryption: "optional", giftWrap: "optional" } as const;
const ECHO = toolSchemaHash({ name: "echo", inputSchema: { type: "object" } });

Deno.test("CEP6-6, CEP15-1, CEP15-12: discover() finds an announced server of @contextvm/sdk, by the hash of a common schema too", async () => {
  await using relay = await serveRelay();
  await using peer = new SdkPeer();
  const theirs = await peer.serve([relay.url], MODES, {
    announced: true,
    commonTools: ["echo", "count"],
    categories: ["testing"],
  });
  await using ours = await serveTools([relay.url], {
    announce: true,
    commonSchemas: { tools: ["echo"], categories: ["testing"] },
  });
  await using pool = new RelayPool([relay.url]);
  const announced = [11316, 11317, 10002];
  await until(async () => {
    const events = await pool.query([{ kinds: announced, authors: [theirs.publicKey] }]);
    return events.length === announced.length;
  }, "the announcement of their server");

  const find = async (options: DiscoverOptions) => {
    const found = await Array.fromAsync(discover(pool, options));
    return found.map(({ pubkey }) => pubkey).toSorted();
  };
  const both = [theirs.publicKey, ours.publicKey].toSorted();
  const count = toolSchemaHash({ name: "count", inputSchema: { type: "object" } });
  assertEquals(await find({}), both);
  assertEquals(await find({ schemaHash: ECHO }), both);
  assertEquals(await find({ schemaHash: count }), [theirs.publicKey]);
  assertEquals(await find({ category: "testing", hasCommonSchema: true, tool: "echo" }), both);
  assertEquals(await find({ text: "theirs" }), [theirs.publicKey]);

  const described = await describeServer(pool, theirs.publicKey);
  assertEquals(described.announcement?.name, "theirs");
  assertEquals(described.tools?.items.map(({ name }) => name), [...TOOL_NAMES]);
  assertEquals(described.relayList?.relays.map(({ url }) => url), [relay.url]);
  assertEquals(
    described.schemas.map(({ tool, verdict, tagged }) => ({ tool, verdict, tagged })),
    TOOL_NAMES.map((tool) =>
      ["echo", "count"].includes(tool)
        ? { tool, verdict: "matches", tagged: true }
        : { tool, verdict: "unclaimed", tagged: false }
    ),
  );

  // What their server says directly is the same.
  await using client = await ConnectedClient.open([relay.url], theirs.publicKey);
  const { tools } = await client.mcp.listTools();
  const claimed = verifyCommonSchemas(tools).filter(({ verdict }) => verdict === "matches");
  assertEquals(claimed.map(({ hash }) => hash), [ECHO, count]);
});

Deno.test("CEP15-7: a client of @contextvm/sdk lists and calls the common tools of a server of ours", async () => {
  await using relay = await serveRelay();
  await using peer = new SdkPeer();
  await using ours = await serveTools([relay.url], { commonSchemas: { tools: "all" } });
  const server = { server: ours.publicKey, short: true, timeoutMs: 5_000 };
  const outcome = await peer.runClient([relay.url], MODES, server);
  assertEquals("transcript" in outcome && outcome.transcript.tools, TOOL_NAMES);
});
