import { assert, assertEquals, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import { ChildProcessTransport } from "../../cli/child_process.ts";
import { helpPage } from "../../cli/help_pages.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { formatNsec, generateKey, PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrClientTransport } from "../../transport/client.ts";
import { isAlive, serverCommand, temporaryFolder, until } from "./helpers.ts";

const MAIN = new URL("../../cli/main.ts", import.meta.url).pathname;
const PROGRAM = [
  Deno.execPath(),
  "run",
  "--quiet",
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  MAIN,
] as const;

/** Starts the program with both outputs collected. */
function start(args: readonly string[], folder: string, env: Record<string, string> = {}) {
  const [command, ...rest] = PROGRAM;
  const child = new Deno.Command(command, {
    args: [...rest, ...args],
    env: { XDG_CONFIG_HOME: folder, CVM_COMPLETE_CACHE: "off", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const seen = { out: "", err: "" };
  const collect = async (stream: ReadableStream<Uint8Array>, into: "out" | "err") => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) seen[into] += text;
  };
  const collected = Promise.all([collect(child.stdout, "out"), collect(child.stderr, "err")]);
  const writer = child.stdin.getWriter();
  return {
    child,
    seen,
    write: (text: string) => writer.write(new TextEncoder().encode(text)),
    endInput: () => writer.close(),
    ended: async () => {
      const { code } = await child.status;
      await collected;
      return code;
    },
  };
}

Deno.test("F29: a proxy writes nothing but JSON-RPC to stdout, and ends when stdin does", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const gateway = start(["gateway", "--relay", relay.url, "--", ...serverCommand()], folder.path);
  const nprofile = await until(() => /nprofile1[a-z0-9]+/.exec(gateway.seen.err)?.[0]);

  const proxy = start(["proxy", nprofile], folder.path);
  await proxy.write("this is no message\n");
  await proxy.write(
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n',
  );
  await until(() => proxy.seen.out.includes('"id":1'));
  await proxy.endInput();
  assertEquals(await proxy.ended(), 0);
  for (const line of proxy.seen.out.trim().split("\n")) {
    assertEquals(JSON.parse(line).jsonrpc, "2.0");
  }

  // F29: the same with the official client as the host, which ends by closing stdin.
  const [command, ...rest] = PROGRAM;
  // Its own stdio transport leaves a timer behind; ours starts and ends a process the same way.
  const transport = new ChildProcessTransport({
    command,
    args: [...rest, "proxy", nprofile],
    env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder.path },
  });
  const host = new Client({ name: "host", version: "1.0.0" });
  await host.connect(transport);
  const { pid } = transport;
  const result = await host.callTool({ name: "echo", arguments: { text: "through the proxy" } });
  assertStringIncludes(JSON.stringify(result.content), "through the proxy");
  await host.close();
  assert(pid !== undefined && !isAlive(pid));

  gateway.child.kill("SIGTERM");
  await gateway.endInput();
  assertEquals(await gateway.ended(), 0);
});

Deno.test("F29: a proxy that can't connect answers its host and ends with 4", async () => {
  await using folder = await temporaryFolder();
  const server = PrivateKeySigner.generate().pubkey;
  const proxy = start(["proxy", server, "--relay", "ws://127.0.0.1:1"], folder.path);
  await proxy.write('{"jsonrpc":"2.0","id":7,"method":"ping"}\n');
  assertEquals(await proxy.ended(), 4);
  await proxy.endInput().catch(() => undefined); // the program has ended, and its input with it
  assertStringIncludes(proxy.seen.err, "ws://127.0.0.1:1");
  const answer = JSON.parse(proxy.seen.out); // one line, and nothing else
  assertEquals([answer.id, answer.error.data], [7, { code: "RELAY_UNREACHABLE" }]);
});

Deno.test("F29: a proxy ends when its parent dies, though nobody closes its stdin", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const server = PrivateKeySigner.generate().pubkey;
  // `sleep` keeps the proxy's stdin open; the shell between us and the proxy is killed.
  const pids = `${folder.path}/pids`;
  const script = 'p="$1"; shift; mkfifo "$p.in"; sleep 60 >"$p.in" & s=$!; ' +
    '"$@" <"$p.in" >"$p.out" 2>&1 & echo "$! $s" >"$p.new"; mv "$p.new" "$p"; wait';
  const args = [pids, ...PROGRAM, "proxy", server, "--relay", relay.url];
  await using parent = new Deno.Command("/bin/sh", {
    args: ["-c", script, "sh", ...args],
    env: { XDG_CONFIG_HOME: folder.path },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const [proxy = 0, sleeper = 0] = await until(async () => {
    const text = await Deno.readTextFile(pids).catch(() => "");
    return text === "" ? undefined : text.trim().split(" ").map(Number);
  });
  try {
    await until(async () => {
      const text = await Deno.readTextFile(`${pids}.out`).catch(() => "");
      return text.includes("cvm: proxy to");
    });
    parent.kill("SIGKILL");
    await parent.status;
    await until(() => !isAlive(proxy));
    assert(isAlive(sleeper), "its stdin was open to the end");
  } finally {
    for (const pid of [proxy, sleeper]) if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
  }
});

Deno.test("F28: nothing is orphaned when a gateway is killed without a last word", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const gateway = start(["gateway", "--relay", relay.url, "--", ...serverCommand()], folder.path);
  const nprofile = await until(() => /nprofile1[a-z0-9]+/.exec(gateway.seen.err)?.[0]);
  const pids: number[] = [];
  for (const tool of ["pid", "spawn"]) {
    const call = start(["inspect", nprofile, "call", tool], folder.path);
    await call.endInput();
    assertEquals(await call.ended(), 0, call.seen.err);
    pids.push(Number(call.seen.out));
  }
  assert(pids.every(isAlive));
  gateway.child.kill("SIGKILL");
  await gateway.ended();
  await gateway.endInput().catch(() => undefined); // the program has ended, and its input with it
  await until(() => !pids.some(isAlive));
});

Deno.test("cvm relay runs until it is interrupted, and keeps events in a file", async () => {
  await using folder = await temporaryFolder();
  const relay = start(["relay", "--port", "0", "--db", `${folder.path}/relay.db`], folder.path);
  const url = await until(() => /^ws:\S+/.exec(relay.seen.out)?.[0]);
  const information = await fetch(url.replace("ws:", "http:"), {
    headers: { accept: "application/nostr+json" },
  });
  assert(Array.isArray((await information.json()).supported_nips));
  relay.child.kill("SIGINT");
  await relay.endInput();
  assertEquals(await relay.ended(), 130);
  assert((await Deno.stat(`${folder.path}/relay.db`)).isFile);
});

Deno.test("cvm keys import asks in a terminal, and shows nothing of what is typed", async () => {
  await using folder = await temporaryFolder();
  const probe = await new Deno.Command("script", { args: ["--version"], stdout: "null" }).output()
    .catch(() => undefined);
  if (probe?.success !== true) {
    console.log("SKIPPED: there is no `script` (util-linux) to make a terminal with");
    return;
  }
  const nsec = formatNsec(generateKey());
  const command = [...PROGRAM, "keys", "import"].join(" ");
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    env: { XDG_CONFIG_HOME: folder.path },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  let shown = "";
  const writer = child.stdin.getWriter();
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (!shown.includes("bunker:") && `${shown}${text}`.includes("bunker:")) {
      await writer.write(new TextEncoder().encode(`${nsec}\r`));
    }
    shown += text;
  }
  await writer.close().catch(() => undefined); // the program has ended, and its input with it
  assertEquals((await child.status).code, 0, shown);
  assert(!shown.includes("nsec1"), shown);
  const file = `${folder.path}/cvm/keys/client.key`;
  assertEquals(await Deno.readTextFile(file), `${nsec}\n`);
});

Deno.test("F28: SIGTERM lets a gateway's calls end, a second signal ends it at once, and its child with it", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const args = ["gateway", "--relay", relay.url, "--drain-timeout", "60", "--"];
  const gateway = start([...args, ...serverCommand()], folder.path);
  await gateway.endInput();
  const server = await until(() => /nprofile1[a-z0-9]+/.exec(gateway.seen.err)?.[0]);
  const client = new Client({ name: "caller", version: "1.0.0" });
  await client.connect(new NostrClientTransport({ signer: PrivateKeySigner.generate(), server }));
  const pid = JSON.stringify(await client.callTool({ name: "pid" })).match(/\d+/)?.[0];
  const slow = client.callTool({ name: "slow" }).catch(() => "cut off");
  await client.ping();
  gateway.child.kill("SIGTERM");
  await until(() => gateway.seen.err.includes("no new requests are taken"));
  assert(isAlive(Number(pid)));
  const started = Date.now();
  gateway.child.kill("SIGTERM");
  assertEquals(await gateway.ended(), 130);
  assert(Date.now() - started < 3_000);
  await until(() => !isAlive(Number(pid)));
  await client.close();
  assertEquals(await slow, "cut off");
});

Deno.test("cvm gateway exports spans and metrics with OTEL_DENO=true, without arguments and keys (F07)", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const exported: Record<string, string> = {};
  await using collector = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      exported[pathname] = (exported[pathname] ?? "") + await request.text();
      return Response.json({});
    },
  );
  const gateway = start(["gateway", "--relay", relay.url, "--", ...serverCommand()], folder.path, {
    OTEL_DENO: "true",
    OTEL_DENO_CONSOLE: "ignore",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
  });
  await gateway.endInput();
  const server = await until(() => /nprofile1[a-z0-9]+/.exec(gateway.seen.err)?.[0]);
  const signer = PrivateKeySigner.generate();
  const client = new Client({ name: "caller", version: "1.0.0" });
  await client.connect(new NostrClientTransport({ signer, server }));
  await client.callTool({ name: "echo", arguments: { text: "secret words" } });
  await client.close();
  // What is left to export is exported at the end.
  gateway.child.kill("SIGTERM");
  assertEquals(await gateway.ended(), 0);
  assertStringIncludes(exported["/v1/traces"] ?? "", "tools/call echo");
  assertStringIncludes(exported["/v1/metrics"] ?? "", "mcp.server.request.duration");
  const all = Object.values(exported).join("");
  for (const word of ["secret", signer.pubkey]) assertEquals(all.includes(word), false);
});

Deno.test("the program shows help, settings and errors of the configuration, with the right exit codes", async () => {
  await using folder = await temporaryFolder();
  const run = async (args: readonly string[], env: Record<string, string> = {}) => {
    const [command, ...rest] = PROGRAM;
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...rest, ...args],
      env: { XDG_CONFIG_HOME: folder.path, ...env },
      cwd: folder.path,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  };
  const help = await run(["gateway", "--help"]);
  assertEquals([help.code, help.err], [0, ""]);
  assertEquals(help.out, helpPage(["gateway", "--help"], false));
  await Deno.writeTextFile(`${folder.path}/cvm.json`, '{ "timeout": 7 }');
  const shown = await run(["config", "show", "--format", "jsonl"]);
  assertEquals(shown.code, 0, shown.err);
  assertStringIncludes(shown.out, '{"name":"timeout","value":7,"source":"project file"');
  await Deno.writeTextFile(`${folder.path}/cvm.json`, '{ "timeout": }');
  const broken = await run(["config", "show"]);
  assertEquals(broken.code, 2);
  assertStringIncludes(broken.err, "cvm.json:1:14: ");
  const named = await run(["config", "show", "--format=json"], { CVM_CONFIG: "none.json" });
  assertEquals([named.code, JSON.parse(named.err).error.code], [2, "CONFIG_INVALID"]);
});

Deno.test("F28: cvm gateway --one-key lets its servers end with it, all of them", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const [command, ...args] = serverCommand();
  const mcpServers = { one: { command, args }, two: { command, args } };
  const file = `${folder.path}/servers.json`;
  await Deno.writeTextFile(file, JSON.stringify({ mcpServers }));
  const gateway = start(
    ["gateway", "--relay", relay.url, "--servers", file, "--one-key"],
    folder.path,
  );
  const nprofile = await until(() => /nprofile1[a-z0-9]+/.exec(gateway.seen.err)?.[0]);
  const client = new Client({ name: "visitor", version: "1.0.0" });
  await client.connect(
    new NostrClientTransport({ signer: PrivateKeySigner.generate(), server: nprofile }),
  );
  const pids: number[] = [];
  for (const name of ["one__pid", "two__pid"]) {
    const { content } = await client.callTool({ name });
    pids.push(Number((content as { text: string }[])[0]?.text));
  }
  await client.close();
  assertEquals(pids.map(isAlive), [true, true]);
  await gateway.endInput();
  gateway.child.kill("SIGTERM");
  assertEquals(await gateway.ended(), 0);
  assertEquals(pids.map(isAlive), [false, false]);
});
