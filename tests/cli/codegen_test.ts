import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import * as z from "zod";
import { runCli } from "../../cli/app.ts";
import { clientModule, type ToolDescription } from "../../cli/codegen/client_module.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrClientTransport } from "../../transport/client.ts";
import { serve } from "../../transport/server.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

/** What breaks out of texts, comments and names where it is not escaped. */
const EVIL =
  "*/ globalThis.pwned = 1; /* `${globalThis.pwned = 1}` \" ' \\ \n globalThis.pwned = 1; \u2028 globalThis.pwned = 1;\u202e\n@ts-nocheck\n{@type {import('https://evil.test/x.js')}}\ud800";

/** A module of some tools. */
function moduleOf(...tools: readonly ToolDescription[]): string {
  return clientModule({ address: "npub1x", title: "test", tools });
}

/** Type-checks a module, with lines that use it. */
async function check(text: string, use = ""): Promise<string> {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/client.ts`, text);
  await Deno.writeTextFile(
    `${folder.path}/use.ts`,
    `import * as c from "./client.ts";\nc;\n${use}`,
  );
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--no-config", "--no-lock", `${folder.path}/use.ts`],
    env: { NO_COLOR: "1" },
  }).output();
  return success ? "" : new TextDecoder().decode(stderr);
}

/** The declared type of the input of a tool with this schema. */
function typeOf(inputSchema: unknown): string {
  const text = moduleOf({ name: "t", inputSchema });
  const types = [...text.matchAll(/^export type TInput\w* = ([\s\S]*?);\n(?=\n)/gm)].map((
    [, type],
  ) => type);
  return types.join(" ~ ").replace(/\s+/g, " ").replaceAll("readonly ", "");
}

Deno.test("clientModule() turns schemas into types", () => {
  const properties = (a: unknown) => ({ type: "object", properties: { a }, required: ["a"] });
  const cases: readonly (readonly [unknown, string])[] = [
    [{ type: "string" }, "string"],
    [{ type: ["string", "null"] }, "string | null"],
    [{ type: "integer" }, "number"],
    [{ enum: ["x", 1, null, "\u202e"] }, '"x" | 1 | null | "\\u202e"'],
    [{ const: { b: [1], a: "x" } }, '{ "a": "x"; "b": [1] }'],
    [{ type: "array", items: { type: "string" } }, "string[]"],
    [{ type: "array", items: { enum: [1, 2] } }, "(1 | 2)[]"],
    [{ type: "array" }, "unknown[]"],
    [{ type: "array", prefixItems: [{ type: "string" }], items: false }, "[string?]"],
    [
      { type: "array", items: [{ type: "string" }], additionalItems: { type: "null" } },
      "[string?, ...null[]]",
    ],
    [{ anyOf: [{ type: "string" }, { type: "number" }] }, "string | number"],
    [{ allOf: [{ $ref: "#/x" }, { type: "string" }] }, "string"],
    [{ type: "object", additionalProperties: { type: "number" } }, "{ [key: string]: number }"],
    [{ type: "object", properties: {}, additionalProperties: false }, "{ [key: string]: never }"],
    [{ type: "nonsense" }, "unknown"],
    [{ $ref: "file:///etc/passwd" }, "unknown"],
    [{ $ref: "https://evil.test/schema.json" }, "unknown"],
    [{ $ref: "#/constructor/prototype" }, "unknown"],
    [true, "unknown"],
    [false, "never"],
    [{ tsType: "import('https://evil.test')", type: "string" }, "string"],
  ];
  for (const [schema, type] of cases) {
    assertEquals(typeOf(properties(schema)), `{ "a": ${type}; }`, JSON.stringify(schema));
  }
  assertEquals(
    typeOf({ type: "object", properties: { b: {}, a: { type: "null" } } }),
    '{ "a"?: null; "b"?: unknown; }',
  );
});

Deno.test("clientModule() follows references within a schema, round and round", async () => {
  const tree = {
    type: "object",
    properties: { root: { $ref: "#/$defs/node" }, loop: { $ref: "#/$defs/a" }, all: { $ref: "#" } },
    $defs: {
      node: {
        type: "object",
        properties: { children: { type: "array", items: { $ref: "#/$defs/node" } } },
      },
      a: { anyOf: [{ $ref: "#/$defs/b" }, { type: "string" }] },
      b: { allOf: [{ $ref: "#/$defs/a" }] },
    },
  };
  assertStringIncludes(typeOf(tree), '"children"?: TInputNode[]');
  let deep: unknown = { type: "string" };
  for (let depth = 0; depth < 200; depth++) deep = { type: "array", items: deep };
  const wide = Object.fromEntries(
    Array.from({ length: 6_000 }, (_, index) => [`p${index}`, { type: "string" }]),
  );
  const text = moduleOf(
    { name: "tree", inputSchema: tree },
    { name: "deep", inputSchema: { type: "object", properties: { deep } } },
    { name: "wide", inputSchema: { type: "object", properties: wide } },
  );
  assertEquals(await check(text), "");
});

Deno.test("F35: clientModule() lets nothing of a server's become code", async () => {
  const evil = {
    type: "object",
    title: EVIL,
    description: EVIL,
    properties: {
      [EVIL]: { type: "string", description: EVIL, enum: [EVIL], default: EVIL },
      nested: { $ref: `#/$defs/${EVIL.replaceAll("/", "~1")}` },
    },
    required: [EVIL],
    $defs: {
      [EVIL]: { type: "object", description: EVIL, properties: { [EVIL]: { const: EVIL } } },
    },
  };
  const names = [
    EVIL,
    "constructor",
    "then",
    "__proto__",
    "toString",
    "a-b",
    "a_b",
    "a b",
    "1st",
    "",
    "名前",
    "class",
    "Tools",
  ];
  const text = clientModule({
    address: EVIL,
    title: EVIL,
    tools: names.map((name) => ({
      name,
      description: EVIL,
      inputSchema: evil,
      outputSchema: evil,
    })),
  });
  assertEquals(await check(text), "");
  // Comments and texts are all that a server's words are in.
  const comments: string[] = [];
  const code = text.replace(/"(?:[^"\\\n]|\\.)*"|\/\*[\s\S]*?\*\/|\/\/.*$/gm, (part) => {
    if (!part.startsWith('"')) comments.push(part);
    return "";
  });
  assert(!/pwned\s*=|evil\.|@/.test(code), code);
  assert(!/import\(|^[\s*]*@(?!param caller)/m.test(comments.join("\n")));
  assert(!/[\u2028\u202e\ud800]/.test(text));
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/client.ts`, text);
  const loaded = await import(`file://${folder.path}/client.ts`);
  assertEquals(loaded.SERVER, EVIL);
  assertEquals("pwned" in globalThis, false);
  const called: string[] = [];
  const tools = new loaded.Tools({
    callTool: ({ name }: { name: string }) => {
      called.push(name);
      return Promise.resolve({ content: [], structuredContent: {} });
    },
  });
  const methods = Object.getOwnPropertyNames(loaded.Tools.prototype).filter((name) =>
    name !== "constructor"
  );
  assertEquals(methods.length, names.length);
  for (const method of methods) await tools[method]({});
  assertEquals(called.sort(), [...names].sort());
});

Deno.test("clientModule() makes the same text of the same tools in any order", () => {
  const one = { name: "one", inputSchema: { type: "object", properties: { a: {}, b: {} } } };
  const other = { name: "other", inputSchema: { properties: { b: {}, a: {} }, type: "object" } };
  assertEquals(moduleOf(one, other), moduleOf(other, one));
  const turned = { ...one, inputSchema: { type: "object", properties: { b: {}, a: {} } } };
  assertEquals(moduleOf(turned, other), moduleOf(one, other));
});

Deno.test("cvm codegen writes a client that type-checks, calls the server, and is checked in CI", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  let hasMore = false;
  await using server = await serve(() => {
    const mcp = new McpServer({ name: "calculator", version: "1.0.0" });
    mcp.registerTool("add-numbers", {
      description: "Adds.\n*/ evil",
      inputSchema: { a: z.number(), b: z.number().optional() },
      outputSchema: { sum: z.number() },
    }, ({ a, b = 0 }) => ({ content: [], structuredContent: { sum: a + b } }));
    mcp.registerTool(
      "fail",
      {},
      () => ({ isError: true, content: [{ type: "text", text: "no way" }] }),
    );
    if (hasMore) mcp.registerTool("more", {}, () => ({ content: [] }));
    return mcp;
  }, { signer: PrivateKeySigner.generate(), relays: [relay.url] });
  const key = "11".repeat(32);
  const cvm = async (...words: string[]) => {
    const io = Object.assign(
      new TestIo({ env: { XDG_CONFIG_HOME: folder.path, CVM_PRIVATE_KEY: key } }),
      { cwd: folder.path },
    );
    const code = await runCli(["codegen", server.publicKey, "--relay", relay.url, ...words], io);
    return { code, out: io.out, err: io.err };
  };
  const file = `${folder.path}/client.ts`;
  const missing = await cvm("--output", file, "--check");
  assertEquals(missing.code, 5);
  const written = await cvm("--output", file);
  assertEquals(written.code, 0, written.err);
  const text = await Deno.readTextFile(file);
  assertEquals((await cvm()).out, text);
  assertEquals((await cvm("--output", file, "--check")).code, 0);
  assert(!text.includes(key) && !text.includes("nsec1"));

  const use = `export async function use(tools: c.Tools): Promise<number> {
    // @ts-expect-error a is a number
    await tools.addNumbers({ a: "x" });
    // @ts-expect-error a is required
    await tools.addNumbers({ b: 1 });
    // @ts-expect-error there is no c
    await tools.addNumbers({ a: 1, c: 1 });
    await tools.fail();
    return (await tools.addNumbers({ a: 1 })).structuredContent.sum;
  }`;
  assertEquals(await check(text, use), "");

  const { Tools, ToolFailed } = await import(`file://${file}`);
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(
    new NostrClientTransport({
      signer: PrivateKeySigner.generate(),
      server: server.publicKey,
      relays: [relay.url],
    }),
  );
  const tools = new Tools(client);
  assertEquals((await tools.addNumbers({ a: 2, b: 3 })).structuredContent, { sum: 5 });
  await assertRejects(() => tools.fail(), ToolFailed, "no way");
  await client.close();

  hasMore = true;
  const stale = await cvm("--output", file, "--check", "--format", "json");
  assertEquals([stale.code, JSON.parse(stale.err).error.code], [5, "CHECK_FAILED"]);
  assertEquals(await Deno.readTextFile(file), text);
  assertEquals((await cvm("--output", file)).code, 0);
  assertStringIncludes(await Deno.readTextFile(file), "more(");
  await Deno.writeTextFile(file, "export const mine = 1;\n");
  const refused = await cvm("--output", file);
  assertEquals(refused.code, 2);
  assertEquals(await Deno.readTextFile(file), "export const mine = 1;\n");
  assertEquals((await cvm("--check")).code, 2);
});
