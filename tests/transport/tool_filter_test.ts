import { assertEquals, assertRejects } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { Server } from "@modelcontextprotocol/sdk/server";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { filterTools, isToolOffered, McpGateway } from "../../transport/gateway.ts";
import { MemoryRelay } from "../../transport/testing/mod.ts";
import { connect, network } from "./_harness.ts";

Deno.test("isToolOffered() takes names and patterns, and deny wins", () => {
  const cases: readonly [string, { allow?: string[]; deny?: string[] }, boolean][] = [
    ["echo", {}, true],
    ["echo", { allow: [] }, false],
    ["echo", { allow: ["echo"] }, true],
    ["echoes", { allow: ["echo"] }, false],
    ["echo", { allow: ["e*o"] }, true],
    ["echo", { allow: ["e?h?"] }, true],
    ["eco", { allow: ["e?h?"] }, false],
    ["echo", { allow: ["*"], deny: ["echo"] }, false],
    ["a.b", { allow: ["a?b"] }, true],
    ["axb", { allow: ["a.b"] }, false],
    ["", { allow: ["*"] }, true],
    ["", { allow: ["?"] }, false],
    ["a*b", { allow: ["a*b"] }, true],
    ["abcabc", { allow: ["*abc"] }, true],
  ];
  for (const [name, options, offered] of cases) {
    assertEquals(isToolOffered(name, options), offered, JSON.stringify([name, options]));
  }
  // No name of a stranger takes time beyond measure.
  assertEquals(isToolOffered("a".repeat(100_000), { allow: ["*a*a*a*a*b"] }), false);
});

Deno.test("filterTools() in a gateway: lists, on all pages, calls and announcements have what is offered", async () => {
  await using relay = new MemoryRelay();
  const called: string[] = [];
  const tool = (name: string) => ({ name, inputSchema: { type: "object" as const } });
  const pages = [["read", "write"], ["delete_one", "delete_all"], ["list"]];
  await using gateway = new McpGateway({
    signer: PrivateKeySigner.generate(),
    ...network(relay),
    announce: true,
    upstream: async () => {
      const server = new Server({ name: "s", version: "1" }, { capabilities: { tools: {} } });
      server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
        const page = Number(params?.cursor ?? 0);
        const next = page + 1 < pages.length ? { nextCursor: String(page + 1) } : {};
        return { tools: pages[page]!.map(tool), ...next };
      });
      server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
        called.push(params.name);
        return { content: [] };
      });
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      await server.connect(theirs);
      return filterTools(ours, { deny: ["delete_*", "write"] });
    },
  });
  await gateway.start();
  const announced = gateway.announcement!.published.find(({ kind }) => kind === 11317)!;
  const names = (tools: { name: string }[]) => tools.map(({ name }) => name);
  assertEquals(names(JSON.parse(announced.content).tools), ["read", "list"]);
  await using session = await connect(relay, gateway.publicKey);
  const listed: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await session.client.listTools(cursor === undefined ? {} : { cursor });
    listed.push(...names(page.tools));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  assertEquals(listed, ["read", "list"]);
  await session.client.callTool({ name: "read" });
  await assertRejects(
    () => session.client.callTool({ name: "delete_all" }),
    Error,
    "Unknown tool: delete_all",
  );
  assertEquals(called, ["read"]);
});
