import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/server"
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { runCli } from "../../../cli/app.ts";
import type { BenchFigures } from "../../../cli/commands/bench/figures.ts";
import { Interrupt } from "../../../cli/io.ts";
import { serveRelay } from "../../../cli/relay/mod.ts";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { serve } from "../../../transport/server.ts";
import { temporaryFolder, TestIo, until } from "../helpers.ts";

const NUMBERS = ["connectMs", "p50Ms", "p95Ms", "p99Ms", "callsPerSecond"] as const;

/** What a stranger asks the server of a measurement for. */
const CALL = { name: "echo", arguments: { bytes: 10 } };

/** Runs `cvm bench` in this process. */
async function bench(args: readonly string[]) {
  await using folder = await temporaryFolder();
  const io = new TestIo({ env: { XDG_CONFIG_HOME: folder.path } });
  const exitCode = await runCli(["bench", ...args], io);
  return { exitCode, out: io.out, err: io.err };
}

Deno.test("cvm bench measures a relay in both modes, and leaves nothing there", async () => {
  await using relay = await serveRelay();
  const { exitCode, out, err } = await bench([
    ...["--relay", relay.url, "--calls", "4", "--in-flight", "2", "--format", "json"],
  ]);
  assertEquals([exitCode, err], [0, ""]);
  const figures: BenchFigures[] = JSON.parse(out);
  assertEquals(figures.map(({ mode, calls, error }) => [mode, calls, error]), [
    ["plain", 4, null],
    ["encrypted", 4, null],
  ]);
  for (const row of figures) {
    assertEquals([row.target, row.inFlight, row.answerBytes], [relay.url, 2, 100_000]);
    for (const name of [...NUMBERS, "publishMs", "answerMs"] as const) {
      assert((row[name] ?? 0) > 0, `${row.mode}: ${name} is ${row[name]}`);
    }
  }
  await using pool = new RelayPool([relay.url]);
  assertEquals(await pool.query([{}]), []);
});

Deno.test("cvm bench measures one mode where it is told to, as a table or line by line", async () => {
  await using relay = await serveRelay();
  const table = await bench([
    ...["--relay", relay.url, "--calls", "1", "--answer", "0", "--encryption", "required"],
  ]);
  const [head = "", row = "", ...rest] = table.out.trimEnd().split("\n");
  assertEquals([table.exitCode, rest], [0, []]);
  assertMatch(head, /^ +mode +connect +publish +p50 +p95 +p99 +calls\/s at 4 +answer$/);
  assertMatch(row, /^ws:\S+ +encrypted( +\d+\.\d){6} +-$/);
  const lines = await bench([
    ...["--relay", relay.url, "--calls", "1", "--encryption", "disabled", "--format", "jsonl"],
  ]);
  const [line = "", ...none] = lines.out.trimEnd().split("\n");
  assertEquals([JSON.parse(line).mode, none], ["plain", []]);
});

Deno.test("cvm bench measures no relay unasked", async () => {
  const { exitCode, out, err } = await bench([]);
  assertEquals([exitCode, out], [2, ""]);
  assertStringIncludes(err, "--relay");
});

Deno.test("cvm bench measures the other relays where one can't be reached, and says so at the end", async () => {
  await using relay = await serveRelay();
  const dead = "ws://127.0.0.1:1";
  const { exitCode, out, err } = await bench([
    ...["--relay", dead, "--relay", relay.url, "--connect-timeout", "1"],
    ...["--calls", "1", "--encryption", "disabled", "--format", "json"],
  ]);
  const [first, second]: BenchFigures[] = JSON.parse(out);
  assertEquals([exitCode, JSON.parse(err).error.code], [4, "RELAY_UNREACHABLE"]);
  assertEquals([first?.target, first?.p50Ms, second?.error], [dead, null, null]);
  assertStringIncludes(first?.error ?? "", dead);
});

Deno.test("cvm bench pings a server that is named, and asks nothing else of it", async () => {
  await using relay = await serveRelay();
  const makeServer = () => new Server({ name: "silent", version: "1" }, { capabilities: {} });
  const signer = PrivateKeySigner.generate();
  await using server = await serve(makeServer, { signer, relays: [relay.url] });
  const { exitCode, out } = await bench([
    ...[server.publicKey, "--relay", relay.url, "--calls", "3", "--format", "json"],
  ]);
  const [row, ...none]: BenchFigures[] = JSON.parse(out);
  assertEquals([exitCode, none, row?.calls, row?.answerMs, row?.error], [0, [], 3, null, null]);
  assertEquals([row?.target, row?.mode], [server.publicKey, "as negotiated"]);
  for (const name of NUMBERS) assert((row?.[name] ?? 0) > 0, name);
});

Deno.test("cvm bench prints what it has when it is interrupted", async () => {
  await using relay = await serveRelay();
  await using folder = await temporaryFolder();
  const io = new TestIo({ env: { XDG_CONFIG_HOME: folder.path } });
  const running = runCli([
    ...["bench", "--relay", relay.url, "--calls", "100000", "--seconds", "0.3", "--answer", "0"],
  ], io);
  await until(() => io.err.includes("encrypted"));
  io.controller.abort(new Interrupt("SIGINT"));
  assertEquals(await running, 130);
  const [, plain = "", encrypted = "", , reason = ""] = io.out.split("\n");
  assertMatch(plain, /plain( +\d+\.\d){6} +-$/);
  assertMatch(encrypted, /encrypted/);
  assertMatch(reason, /encrypted: interrupted$/);
});

Deno.test("cvm bench's own server answers its client alone", async () => {
  const strangers: Promise<unknown>[] = [];
  let url = "";
  const visit = async (server: string) => {
    await using pool = new RelayPool([url]);
    const signer = PrivateKeySigner.generate();
    const event = await signer.signEvent({
      kind: 25910,
      created_at: Math.floor(Date.now() / 1_000),
      tags: [["p", server]],
      content: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: CALL }),
    });
    await pool.publish(event);
    return signer.pubkey;
  };
  const answered = new Set<string>();
  await using relay = await serveRelay({
    policy: ({ pubkey, tags, content }) => {
      const [, receiver = ""] = tags.find(([name]) => name === "p") ?? [];
      if (content.includes('"echo"') && strangers.length === 0) strangers.push(visit(receiver));
      if (pubkey !== receiver) answered.add(receiver);
      return undefined;
    },
  });
  url = relay.url;
  const { exitCode } = await bench([
    ...["--relay", relay.url, "--calls", "200", "--encryption", "disabled", "--format", "json"],
  ]);
  const [stranger] = await Promise.all(strangers);
  assertEquals(exitCode, 0);
  assert(typeof stranger === "string" && !answered.has(stranger));
});

Deno.test("cvm bench as a program", async () => {
  await using relay = await serveRelay();
  await using folder = await temporaryFolder();
  const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
  const permissions = ["net", "read", "write", "env"].map((name) => `--allow-${name}`);
  const words = ["bench", "--relay", relay.url, "--calls", "1", "--format", "jsonl"];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...permissions, main, ...words],
    env: { XDG_CONFIG_HOME: folder.path },
  }).output();
  const modes = new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) =>
    JSON.parse(line).mode
  );
  assertEquals([code, modes], [0, ["plain", "encrypted"]]);
});
