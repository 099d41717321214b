import { assert, assertEquals, assertThrows } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import * as z from "zod";
import { PrivateKeySigner, verifyEvent } from "../../../crypto/mod.ts";
import { InputError } from "../../../errors.ts";
import { describeServer } from "../../../transport/discovery/describe_server.ts";
import {
  COMMON_SCHEMA,
  commonSchemas,
  toolSchemaHash,
  verifyCommonSchemas,
} from "../../../transport/discovery/mod.ts";
import { NostrServerTransport, serve } from "../../../transport/server.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { connect, network, RawPeer, until } from "../_harness.ts";

const WEATHER = {
  name: "get_weather",
  inputSchema: {
    type: "object",
    properties: { location: { type: "string" } },
    required: ["location"],
  },
};
const WEATHER_HASH = "e4e76a3da683d92b15013997f08eee2018c49074a28e726e277c32fde0dd5783";
const ECHO_HASH = "16216201f0d5ff1a915cca3888d1cfb98838db42afd3ce12460e086f1d13cbff";

const withSchema = (inputSchema: object) => ({ name: "t", inputSchema });
const hashOf = (inputSchema: object) => toolSchemaHash(withSchema(inputSchema));
const claim = (schemaHash: string) => ({ _meta: { [COMMON_SCHEMA]: { schemaHash } } });

Deno.test("CEP15-1: toolSchemaHash() agrees with the known vectors", () => {
  assertEquals(toolSchemaHash(WEATHER), WEATHER_HASH);
  const echo = {
    name: "echo",
    inputSchema: {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      properties: { m: { type: "string" } },
      required: ["m"],
    },
  };
  assertEquals(toolSchemaHash(echo), ECHO_HASH);
});

Deno.test("CEP15-2: toolSchemaHash() leaves documentation out at every level, and nothing else", () => {
  const plain = { type: "object", properties: { a: { anyOf: [{ type: "string" }] } } };
  const documented = {
    ...plain,
    title: "T",
    "x-vendor": { anything: 1 },
    properties: {
      a: {
        anyOf: [{ type: "string", description: "d", examples: [1], default: "x", readOnly: true }],
        deprecated: true,
        writeOnly: false,
        "x-": 1,
      },
    },
  };
  assertEquals(hashOf(documented), hashOf(plain));
  for (const field of [{ $comment: "c" }, { format: "uri" }, { X: 1 }, { $schema: "s" }]) {
    assert(hashOf({ ...plain, ...field }) !== hashOf(plain), JSON.stringify(field));
  }
  // As in the other implementations, a parameter that is called like documentation does not count.
  assertEquals(
    hashOf({ type: "object", properties: { title: { type: "string" } } }),
    hashOf({ type: "object", properties: {} }),
  );
});

Deno.test("CEP15-3: toolSchemaHash() covers the name and the output schema, and no other field", () => {
  const outputSchema = { type: "object" };
  const tool = { ...WEATHER, description: "d", annotations: {}, ...claim("0") };
  assertEquals(toolSchemaHash(tool), WEATHER_HASH);
  const hashes = [tool, { ...tool, name: "other" }, { ...tool, outputSchema }].map(toolSchemaHash);
  assertEquals(new Set(hashes).size, 3);
});

Deno.test("CEP15-4: toolSchemaHash() takes references within the schema, and no others", () => {
  const $defs = { "a/b~c": { type: "string" }, plain: { $anchor: "here", type: "number" } };
  for (const $ref of ["#", "#/$defs/plain", "#here", "#/%24defs/a~1b~0c"]) {
    assertEquals(hashOf({ $defs, properties: { p: { $ref } } }).length, 64, $ref);
  }
  const embedded = { $id: "https://x.test/s", $defs: { d: {} }, $ref: "#/$defs/d" };
  assertEquals(hashOf({ properties: { p: embedded } }).length, 64);
  for (
    const $ref of [
      "https://x.test/schema.json",
      "other.json#/$defs/plain",
      "#/$defs/missing",
      "#nowhere",
      "#/%zz",
      "#/$defs/toString",
    ]
  ) {
    const error = assertThrows(() => hashOf({ $defs, properties: { p: { $ref } } }), InputError);
    assertEquals(error.code, "SCHEMA_INVALID", $ref);
  }
  // A property that is called $ref is none.
  assertEquals(hashOf({ properties: { $ref: { type: "string" } } }).length, 64);
});

Deno.test("toolSchemaHash() refuses hostile schemas", () => {
  let deep = {};
  for (let level = 0; level < 66; level++) deep = { not: deep };
  const cases: readonly [string, unknown][] = [
    ["too deep", deep],
    ["very deep", JSON.parse(`{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`)],
    ["too large", { enum: ["x".repeat(1_100_000)] }],
    ["no schema", undefined],
    ["no object", [1]],
    ["lone surrogate", { const: "\ud800" }],
  ];
  for (const [what, inputSchema] of cases) {
    const error = assertThrows(() => toolSchemaHash({ name: "t", inputSchema }), InputError);
    assertEquals(error.code, "SCHEMA_INVALID", what);
  }
  assertEquals(
    hashOf(JSON.parse('{"properties":{"__proto__":{"type":"string"}}}')) === hashOf({
      properties: {},
    }),
    false,
  );
});

Deno.test("CEP15-10, CEP15-11: verifyCommonSchemas() says of each tool what its claim is worth", () => {
  const tools = [
    { ...WEATHER, ...claim(WEATHER_HASH) },
    { ...WEATHER, name: "other", ...claim(WEATHER_HASH) },
    { ...withSchema({ $ref: "https://x.test/s.json" }), ...claim(WEATHER_HASH) },
    WEATHER,
    { ...WEATHER, _meta: { [COMMON_SCHEMA]: { schemaHash: 7 } } },
    { ...WEATHER, _meta: { [COMMON_SCHEMA]: null } },
    { inputSchema: {} },
    null,
  ];
  const tags = [["i", WEATHER_HASH, "get_weather"], ["k", COMMON_SCHEMA]];
  assertEquals(
    verifyCommonSchemas(tools, { tags }).map((
      { tool, verdict, tagged },
    ) => [tool, verdict, tagged]),
    [
      ["get_weather", "matches", true],
      ["other", "differs", false],
      ["t", "unhashable", false],
      ["get_weather", "unclaimed", true],
      ["get_weather", "unclaimed", true],
      ["get_weather", "unclaimed", true],
    ],
  );
  assertEquals(verifyCommonSchemas(tools)[0]?.tagged, false);
  assertEquals(verifyCommonSchemas(Array(2_000).fill(WEATHER)).length, 1_000);
});

Deno.test("CEP15-5: commonSchemas() puts right hashes into _meta and leaves the rest alone", () => {
  const decorate = commonSchemas({ tools: ["get_weather"] });
  const meta = { keep: 1, [COMMON_SCHEMA]: { schemaHash: "wrong", keep: 2 } };
  const bespoke = { name: "bespoke", inputSchema: {} };
  const lying = { name: "lying", inputSchema: {}, ...claim(WEATHER_HASH) };
  const before = { tools: [{ ...WEATHER, _meta: meta }, bespoke, lying, 7], nextCursor: "2" };
  const { result, tags } = decorate("tools/list", structuredClone(before));
  assertEquals(result, {
    ...before,
    tools: [
      { ...WEATHER, _meta: { keep: 1, [COMMON_SCHEMA]: { schemaHash: WEATHER_HASH, keep: 2 } } },
      bespoke,
      lying,
      7,
    ],
  });
  assertEquals(tags, [["i", WEATHER_HASH, "get_weather"], ["k", COMMON_SCHEMA]]);
  assertEquals(decorate("prompts/list", before), { result: before, tags: [] });
  assertEquals(decorate("tools/list", { tools: "none" }), { result: { tools: "none" }, tags: [] });
});

Deno.test("commonSchemas() takes a tool whose _meta holds its right hash, without any option", () => {
  const tool = { ...WEATHER, ...claim(WEATHER_HASH) };
  const { result, tags } = commonSchemas()("tools/list", { tools: [tool] });
  assertEquals(result, { tools: [tool] });
  assertEquals(tags[0], ["i", WEATHER_HASH, "get_weather"]);
});

Deno.test("commonSchemas() takes all tools that can be hashed, with trimmed categories", () => {
  const decorate = commonSchemas({ tools: "all", categories: [" weather ", "weather", ""] });
  const { tags } = decorate("tools/list", {
    tools: [WEATHER, { ...WEATHER, name: "second" }, withSchema({ $ref: "elsewhere" })],
  });
  assertEquals(tags.map(([name]) => name), ["i", "i", "k", "t"]);
  assertEquals(tags.at(-1), ["t", "weather"]);
});

/** A server with a tool that two servers may share, and one that is its own. */
function weatherServer(): McpServer {
  const mcp = new McpServer({ name: "weather", version: "1.0.0" });
  mcp.registerTool("get_weather", { inputSchema: { location: z.string() } }, () => ({
    content: [],
  }));
  mcp.registerTool("bespoke", {}, () => ({ content: [] }));
  return mcp;
}

Deno.test("CEP15-6, CEP15-7, CEP15-8, CEP15-9: announcements and direct answers say the same of common schemas", async () => {
  await using relay = new MemoryRelay();
  const commonSchemas = { tools: ["get_weather"], categories: ["weather-forecast"] };
  await using server = await serve(weatherServer, {
    signer: PrivateKeySigner.generate(),
    announce: true,
    commonSchemas,
    ...network(relay),
  });
  const announced = relay.events.find(({ kind }) => kind === 11317)!;
  assert(verifyEvent(announced));
  const list = JSON.parse(announced.content);
  const [check, bespoke] = verifyCommonSchemas(list.tools, { tags: announced.tags });
  assertEquals([check?.verdict, check?.tagged, bespoke?.verdict], ["matches", true, "unclaimed"]);
  assertEquals(announced.tags, [
    ["i", String(check?.hash), "get_weather"],
    ["k", "io.contextvm/common-schema"],
    ["t", "weather-forecast"],
  ]);

  await using peer = await RawPeer.open(relay);
  const request = await peer.message(server.publicKey, {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/list",
  });
  peer.publish(request);
  await until("the answer is there", () => peer.received.length > 0);
  const answer = peer.received[0]!;
  const direct = JSON.parse(answer.content).result;
  assertEquals(direct.tools, list.tools);
  for (const tag of announced.tags) {
    assert(answer.tags.some((other) => JSON.stringify(other) === JSON.stringify(tag)));
  }

  await using client = await connect(relay, server.publicKey);
  const { tools } = await client.client.listTools();
  assertEquals(verifyCommonSchemas(tools).map(({ verdict }) => verdict), ["matches", "unclaimed"]);
  const called = await client.client.callTool({
    name: "get_weather",
    arguments: { location: "here" },
  });
  assertEquals(called.content, []);
});

Deno.test("NostrServerTransport says which schemas are common, and to errors it adds nothing", async () => {
  await using relay = new MemoryRelay();
  const signer = PrivateKeySigner.generate();
  const mcp = weatherServer();
  const transport = new NostrServerTransport({
    signer,
    announce: true,
    commonSchemas: { tools: "all" },
    decorateResult: (method, result) => ({ result, tags: [["mine", method]] }),
    ...network(relay),
  });
  await mcp.connect(transport);
  const { schemas, tools } = await describeServer(transport.server!.pool, signer.pubkey);
  assertEquals(schemas.map(({ verdict }) => verdict), ["matches", "matches"]);
  assertEquals(tools?.event.tags[0], ["mine", "tools/list"]);
  await using peer = await RawPeer.open(relay);
  peer.publish(await peer.message(signer.pubkey, { jsonrpc: "2.0", id: 1, method: "no/such" }));
  await until("the answer is there", () => peer.received.length > 0);
  assertEquals(peer.received[0]!.tags.some(([name]) => name === "mine"), false);
  await mcp.close();
});
