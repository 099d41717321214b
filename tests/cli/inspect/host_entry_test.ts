import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { serverCommand, temporaryFolder, TestIo } from "../helpers.ts";
import { runCli } from "../../../cli/app.ts";

/** An HTTP server that keeps the headers it sees, and lets nobody in. */
function openEndpoint() {
  const seen: Headers[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    seen.push(request.headers);
    return new Response(null, { status: 403 });
  });
  const url = `http://127.0.0.1:${server.addr.port}/mcp`;
  return { url, seen, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("cvm inspect --servers looks at a server of an MCP host's file as the host would reach it", async () => {
  await using folder = await temporaryFolder();
  await using endpoint = openEndpoint();
  const file = `${folder.path}/mcp.json`;
  const [command, ...args] = serverCommand();
  const run = async (...words: string[]) => {
    const io = new TestIo({
      env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder.path, TOKEN: "Bearer x" },
    });
    const code = await runCli(["inspect", "--servers", file, ...words], io);
    return { code, out: io.out, err: io.err };
  };
  const { url } = endpoint;
  const mcpServers = {
    local: { command, args, env: { A: "a b" } },
    web: { url, headers: { Authorization: "${TOKEN}", "X-Two": "2" } },
    off: { command: "true", disabled: true },
    wrong: { command: "true", url },
  };
  await Deno.writeTextFile(file, JSON.stringify({ mcpServers }));
  const call = await run("local", "call", "env", 'names:=["A"]');
  assertEquals([call.code, call.out], [0, '{"A":"a b"}\n'], call.err);
  const doctor = await run("local", "doctor");
  assertEquals(doctor.code, 0, doctor.err);
  assertMatch(doctor.out, /^ok +target +local$/m);
  assertEquals((await run("web", "tools")).code, 4);
  assertEquals([endpoint.seen[0]?.get("authorization"), endpoint.seen[0]?.get("x-two")], [
    "Bearer x",
    "2",
  ]);
  for (
    const [name, message] of [
      ["off", "switched off"],
      ["locl", 'did you mean "local"?'],
      ["wrong", "beside a command"],
    ] as const
  ) {
    const { code, err } = await run(name, "tools");
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
});

Deno.test("cvm inspect takes the variables and the folder of a process from the file or with --stdio", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/mcp.json`;
  const [command = "", ...rest] = serverCommand();
  const script = `echo "in $PWD with $A" >&2; exec "$@"`;
  const args = ["-c", script, "sh", command, ...rest];
  await Deno.mkdir(`${folder.path}/place`);
  const cwd = await Deno.realPath(`${folder.path}/place`);
  const entry = { command: "sh", args, cwd, env: { A: "of the file" } };
  await Deno.writeTextFile(file, JSON.stringify({ mcpServers: { one: entry } }));
  const run = async (...words: string[]) => {
    const io = new TestIo({ env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder.path } });
    return { code: await runCli(["inspect", ...words], io), err: io.err };
  };
  const servers = ["--servers", file];
  const inFile = await run(...servers, "one", "tools");
  assertEquals(inFile.code, 0, inFile.err);
  assertStringIncludes(inFile.err, `[one] in ${cwd} with of the file\n`);
  const typed = ["--cwd", cwd, "--env", "A=of the line"];
  const started = await run("--stdio", ...typed, "tools", "--", "sh", ...args);
  assertEquals(started.code, 0, started.err);
  assertStringIncludes(started.err, `in ${cwd} with of the line\n`);
  const url = "http://127.0.0.1:1/mcp";
  for (
    const [words, message] of [
      [[...servers, "one", "tools", "--cwd", cwd], "with --servers they stand in the file"],
      [[...servers, "one", "tools", "--env", "A=1"], "with --servers they stand in the file"],
      [["--http", url, "tools", "--cwd", cwd], "--stdio starts"],
      [["a".repeat(64), "tools", "--env", "A=1"], "--stdio starts"],
    ] as const
  ) {
    const { code, err } = await run(...words);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
  }
});

Deno.test("cvm inspect --http sends headers, with variables in them", async () => {
  await using folder = await temporaryFolder();
  await using endpoint = openEndpoint();
  const io = new TestIo({ env: { XDG_CONFIG_HOME: folder.path, TOKEN: "Bearer x" } });
  const args = ["--header", "Authorization=${TOKEN}", "--header", "X-Two=a=b"];
  assertEquals(await runCli(["inspect", "--http", endpoint.url, "tools", ...args], io), 4);
  const [headers] = endpoint.seen;
  assertEquals([headers?.get("authorization"), headers?.get("x-two")], ["Bearer x", "a=b"]);
});
