import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCli } from "../../../cli/app.ts";
import { Interrupt } from "../../../cli/io.ts";
import { openWebSocket } from "../../../cli/websocket.ts";
import { formatNsec, generateKey, PrivateKeySigner, wrapEvent } from "../../../crypto/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { TestIo, until } from "../helpers.ts";
import { type Bench, ESCAPE, openBench, runAlone } from "./_bench.ts";

/** Starts watching, and waits until it does. */
async function startWatch(bench: Bench, options: readonly string[]) {
  const io = new TestIo({ env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: bench.folder } });
  const ended = runCli(["inspect", "watch", "--relay", bench.relay.url, ...options], io);
  await until(() => io.err.includes("watching"));
  return {
    io,
    stop: () => {
      io.controller.abort(new Interrupt("SIGINT"));
      return ended;
    },
  };
}

Deno.test("cvm inspect watch shows the decoded traffic of our keys, records it, and replay shows it again", async () => {
  const secret = generateKey();
  await using bench = await openBench({ signer: new PrivateKeySigner(secret) });
  const { folder } = bench;
  await Deno.writeTextFile(`${folder}/server.key`, formatNsec(secret), { mode: 0o600 });
  const recording = `${folder}/traffic.jsonl`;
  const watch = await startWatch(bench, [
    "--with-key",
    `${folder}/server.key`,
    "--record",
    recording,
  ]);
  const call = await bench.run(["call", bench.server.publicKey, "echo", `text=${ESCAPE}hi`]);
  assertEquals(call.code, 0, call.err);
  await using pool = new RelayPool([bench.relay.url], { webSocket: openWebSocket });
  const stranger = PrivateKeySigner.generate();
  const wrap = wrapEvent(
    await stranger.signEvent({ kind: 1, created_at: 1, tags: [], content: `no message ${ESCAPE}` }),
    bench.server.publicKey,
    { kind: 1059 },
  );
  await pool.publish(wrap);
  await pool.publish({ ...wrap, ...await stranger.signEvent({ ...wrap, content: "nonsense" }) });
  await until(() => watch.io.out.includes("no message") && watch.io.out.includes("!"));
  assertEquals(await watch.stop(), 130);

  const { out } = watch.io;
  assertMatch(out, /npub1\w+ → npub1\w+ {2}21059 {2}tools\/call #\S+ \{"name":"echo"/);
  assertMatch(out, /21059 {2}result #\S+ \{"content".*\(to [0-9a-f]{8}\)/);
  assertMatch(out, /1059 {2}kind 1: no message/);
  assertMatch(out, /1059 {2}! .*can't be decrypted/);
  assertEquals(out.includes("\u001b"), false);
  assertEquals((await Deno.stat(recording)).mode! & 0o777, 0o600);

  const replay = await runAlone(["inspect", "replay", recording], folder);
  assertEquals([replay.code, replay.out], [0, out]);
  const json = await runAlone(["inspect", "replay", recording, "--format", "json"], folder);
  assert(
    JSON.parse(json.out).some(({ message }: { message: { method?: string } }) =>
      message?.method === "tools/call"
    ),
  );
  const again = await bench.run(["inspect", "watch", "--record", recording]);
  assertEquals(again.code, 2);
  assertStringIncludes(again.err, recording);
  await Deno.writeTextFile(recording, "{}\n");
  assertStringIncludes((await runAlone(["inspect", "replay", recording], folder)).err, "line 1");
});

Deno.test("F30: the words of watch, replay and diff are checked", async () => {
  await using bench = await openBench();
  const server = bench.server.publicKey;
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[server, "watch"], "about no server"],
    [["replay"], "needs a file"],
    [["replay", "/no/such/file"], "/no/such/file"],
    [[server, "tools", "--record", "x"], "for watch"],
    [[server, "tools", "--check"], "for diff"],
    [["watch", "--with-key", "/no/such/key"], "/no/such/key"],
    [["diff", server], "needs what to compare with"],
    [["diff", server, "@/no/such/file"], "/no/such/file"],
  ];
  for (const [words, message] of cases) {
    const { code, err } = await bench.run(["inspect", ...words]);
    assertEquals(code, 2, `${words.join(" ")}: ${err}`);
    assertStringIncludes(err, message);
  }
});
