import { assertEquals, assertStringIncludes } from "@std/assert";
import { serveRelay } from "../../../cli/relay/mod.ts";
import { startGateway, temporaryFolder, visit } from "./_run.ts";

/** An MCP server over Streamable HTTP that writes down with which headers it was asked. */
function serveMcp() {
  const seen: (string | null)[][] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (req) => {
    if (req.method !== "POST") return new Response(null, { status: 405 });
    seen.push([req.headers.get("authorization"), req.headers.get("x-team")]);
    const { id, method } = await req.json();
    if (id === undefined) return new Response(null, { status: 202 });
    const result = method === "initialize"
      ? {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "web", version: "1" },
      }
      : method === "tools/list"
      ? { tools: [{ name: "one", inputSchema: { type: "object" } }] }
      : {};
    return Response.json({ jsonrpc: "2.0", id, result });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/mcp`,
    seen,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("cvm gateway sends a URL its headers and its bearer token, from a file or the environment", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await Deno.writeTextFile(`${folder.path}/token`, "from-a-file\n");
  const servers = `${folder.path}/servers.json`;
  const cases: readonly [(url: string) => readonly string[], string[]][] = [
    [(url) => [url], ["Bearer from-the-environment", "red"]],
    [(url) => ["--bearer-file", `${folder.path}/token`, url], ["Bearer from-a-file", "red"]],
    [(url) => ["--header", "Authorization=Basic ${BASIC}", url], ["Basic abc", "red"]],
    [(url) => {
      Deno.writeTextFileSync(
        servers,
        JSON.stringify({
          servers: { web: { type: "http", url, headers: { Authorization: "Basic ${BASIC}" } } },
        }),
      );
      return ["--servers", servers];
    }, ["Basic abc", ""]],
  ];
  for (const [options, [authorization, team]] of cases) {
    await using mcp = serveMcp();
    const args = options(mcp.url);
    const header = args.includes("--servers") ? [] : ["--header", "X-Team=red"];
    const bearer = args.some((arg) => arg.startsWith("Authorization"))
      ? ""
      : "from-the-environment";
    await using gateway = startGateway(["--relay", relay.url, ...header, ...args], {
      folder: folder.path,
      env: { BASIC: "abc", CVM_UPSTREAM_BEARER: bearer },
    });
    await using client = await visit(await gateway.address("[a-z0-9.]+"));
    assertEquals((await client.client.listTools()).tools.map(({ name }) => name), ["one"]);
    for (const headers of mcp.seen) {
      assertEquals(headers.map((value) => value ?? ""), [authorization, team]);
    }
  }
});

Deno.test("cvm gateway refuses for a URL what is about a process", async () => {
  await using folder = await temporaryFolder();
  for (const option of [["--env", "A=b"], ["--env-file", "f"], ["--cwd", "/"]]) {
    await using gateway = startGateway([...option, "http://127.0.0.1:1/mcp"], {
      folder: folder.path,
    });
    assertEquals(await gateway.ended, 2);
    assertStringIncludes(gateway.io.err, "are for a server that is a process");
  }
});
