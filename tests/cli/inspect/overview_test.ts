import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCli } from "../../../cli/app.ts";
import { Interrupt } from "../../../cli/io.ts";
import { publishProfile, publishReview, replyToReview } from "../../../transport/discovery/mod.ts";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { percentile } from "../../../cli/commands/inspect/pings.ts";
import { openWebSocket } from "../../../cli/websocket.ts";
import { serverCommand, TestIo, until } from "../helpers.ts";
import { openBench, runAlone } from "./_bench.ts";

/** Nobody listens on port 1 of this machine. */
const NO_RELAY = "ws://127.0.0.1:1";

Deno.test("cvm inspect shows who a server is, how it is reached and what it offers, and no byte of it moves the terminal", async () => {
  await using bench = await openBench({
    info: { name: "Bench\u001b[31m", about: "for tests", website: "https://bench.example" },
    announce: { relayList: [NO_RELAY] },
    extraTags: [["cap", "tool:echo", "5", "sats"], ["pmi", "bitcoin-lightning-bolt11"]],
  });
  {
    await using pool = new RelayPool([bench.relay.url], { webSocket: openWebSocket });
    const { signer } = bench;
    await publishProfile(pool, { name: "Bench", nip05: "bench@bench.example" }, { signer });
    const { event } = await publishReview(
      pool,
      { server: bench.server.publicKey, text: "Good." },
      { signer: PrivateKeySigner.generate() },
    );
    await replyToReview(pool, { parent: event, text: "Thanks." }, { signer });
  }
  const json = await bench.run(["inspect", bench.server.publicKey, "--format", "json"]);
  assertEquals(json.code, 0, json.err);
  const report = JSON.parse(json.out);
  assertEquals(report.answers, true);
  assertEquals(report.reviews, { reviews: 1, replies: 1, more: false });
  assertEquals(report.profile.nip05, "bench@bench.example");
  assertEquals(report.tools.length, 7);
  assert(report.supports.includes("support_open_stream"));
  const [used, dead] = report.relays;
  assertEquals([used.url, used.inUse, used.reachable], [bench.relay.url, true, true]);
  assertEquals([used.ephemeralWraps.ok, used.storedWraps.ok], [true, true]);
  assert(Math.abs(used.clockSkewSeconds) <= 2);
  assertEquals([used.latency.sent, used.latency.answered], [5, 5]);
  assert(used.latency.p95Ms >= used.latency.p50Ms);
  assertEquals([dead.url, dead.listed, dead.reachable], [NO_RELAY, true, false]);

  const shown = await bench.run(["inspect", bench.server.publicKey, "--pings", "0"]);
  assertEquals(shown.code, 0, shown.err);
  assertEquals(shown.out.includes("\u001b"), false);
  for (
    const line of [
      /^server +Bench$/m,
      /^supports .*CEP-41 open streams/m,
      /^announcement .* for tests/m,
      /^reviews +1, with 1 replies$/m,
      /^price +tool:echo: 5 sats$/m,
      /^relay +ws:\/\/127\.0\.0\.1:1 .*does not answer/m,
      /^ {2}echo\(text: string, count\?: integer, mood\?: "good" \| "bad", tags\?: integer\[\], who\?: \{name\?: string, age\?: integer\}\) → \{said\?: string\} {2}Says it again/m,
      /^ {2}greet\(who, how\?\)$/m,
    ]
  ) assertMatch(shown.out, line);
});

Deno.test("cvm inspect tells how far a relay's clock is off", async () => {
  await using bench = await openBench();
  const late = async (input: string | URL | Request, init?: RequestInit) => {
    const response = await fetch(input, init);
    const headers = new Headers(response.headers);
    headers.set("date", new Date(Date.now() - 90_000).toUTCString());
    return new Response(response.body, { status: response.status, headers });
  };
  const { out, code, err } = await bench.run(
    ["inspect", bench.server.publicKey, "--pings", "0"],
    { fetch: late },
  );
  assertEquals(code, 0, err);
  assertMatch(out, /clock +(89|90|91) s behind ours/);
});

Deno.test("cvm inspect shows what is public of a server that does not answer, and ends with 4", async () => {
  await using bench = await openBench({ info: { name: "Gone" }, announce: true });
  await bench.server.close();
  const args = ["inspect", bench.server.publicKey, "--timeout", "1"];
  const shown = await bench.run(args);
  assertEquals(shown.code, 4);
  assertMatch(shown.out, /^server +Gone$/m);
  assertMatch(shown.out, /^answers +no: .*did not answer initialize/m);
  assertMatch(shown.out, /connected in/);
  const json = await bench.run([...args, "--format", "json"]);
  assertEquals(JSON.parse(json.out).answers, false);
  assertEquals(JSON.parse(json.err).error.exitCode, 4);
});

Deno.test("cvm inspect --stdio looks at a server that is not on Nostr", async () => {
  await using bench = await openBench();
  const { folder } = bench;
  const shown = await runAlone(["inspect", "--stdio", "--", ...serverCommand()], folder);
  assertEquals(shown.code, 0, shown.err);
  assertMatch(shown.out, /^software +test-server 1\.2\.3$/m);
  assertMatch(shown.out, /^ping +5 of 5 answered/m);
  assertEquals(shown.out.includes("npub"), false);
  const words = ["call", "echo", "text=007"];
  const call = await runAlone(
    ["inspect", "--stdio", ...words, "--env", "A=1", "--", ...serverCommand()],
    folder,
  );
  assertEquals([call.code, call.out], [0, '{"text":"007"}\n'], call.err);
  const missing = await runAlone(["inspect", "--stdio", "--", "no-such-command"], folder);
  assertEquals([missing.code, missing.out], [4, ""]);
  assertStringIncludes(missing.err, "no such command");
  const dies = await runAlone(["inspect", "--stdio", "--", "false"], folder);
  assertEquals(dies.code, 4);
  assertStringIncludes(dies.err, "exited with code 1");
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["inspect", "--stdio"], "after --"],
    [["inspect", bench.server.publicKey, "--", "true"], "--stdio"],
    [["inspect", "--stdio", "--http", "http://127.0.0.1:1/", "--", "true"], "exclude"],
    [["inspect", "--http", "ftp://x"], "ftp://x"],
    [["inspect", "--servers", "x", "--http", "http://127.0.0.1:1/"], "--servers"],
    [["inspect", "--header", "a=b", "x"], "--header is for --http"],
    [["inspect", "--http", "http://127.0.0.1:1/", "--header", "Cookie=a"], "secrets are not taken"],
    [["inspect", "--http", "http://127.0.0.1:1/", "--header", "A=${NO_SUCH_1}"], "NO_SUCH_1"],
    [["inspect", "--http", "http://127.0.0.1:1/", "--header", "secret"], "wants NAME=VALUE"],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await runAlone(args, folder);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
  const http = await runAlone(["inspect", "--http", "http://127.0.0.1:1/mcp"], folder);
  assertEquals(http.code, 4);
  assertStringIncludes(http.err, "can't be reached");
});

Deno.test("cvm inspect --http looks at a server behind a URL", async () => {
  await using bench = await openBench();
  const io = new TestIo({ env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: bench.folder } });
  const args = ["proxy", "--http", "0", bench.server.publicKey, "--relay", bench.relay.url];
  const proxy = runCli(args, io);
  const url = await until(() => /http:\/\/127\S+/.exec(io.err)?.[0]);
  const shown = await runAlone(["inspect", "--http", url], bench.folder);
  assertEquals(shown.code, 0, shown.err);
  assertMatch(shown.out, /^software +bench 1\.0\.0$/m);
  const call = await runAlone(["inspect", "--http", url, "call", "echo", "text=x"], bench.folder);
  assertEquals([call.code, call.out], [0, '{"text":"x"}\n'], call.err);
  io.controller.abort(new Interrupt("SIGTERM"));
  await proxy;
});

Deno.test("percentile() names a time that was measured", () => {
  assertEquals(percentile([], 0.5), null);
  assertEquals(percentile([4, 1, 3, 2], 0.5), 2);
  assertEquals(percentile([4, 1, 3, 2], 0.95), 4);
  assertEquals(percentile([7], 0.5), 7);
});
