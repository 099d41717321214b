import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCli } from "../../../cli/app.ts";
import { Interrupt } from "../../../cli/io.ts";
import { openWebSocket } from "../../../cli/websocket.ts";
import { formatNpub, PrivateKeySigner } from "../../../crypto/mod.ts";
import { toolSchemaHash } from "../../../transport/discovery/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { TestIo, until } from "../helpers.ts";
import { type Bench, ESCAPE, openBench } from "../inspect/_bench.ts";

/** Announces a server that nobody runs. */
async function announceGhost(bench: Bench, { ageSeconds = 7_200 } = {}): Promise<string> {
  const signer = PrivateKeySigner.generate();
  await using pool = new RelayPool([bench.relay.url], { webSocket: openWebSocket });
  const created_at = Math.floor(Date.now() / 1000) - ageSeconds;
  const about = ["about", `weather ${ESCAPE}everywhere`];
  await pool.publish(
    await signer.signEvent({
      kind: 11316,
      created_at,
      tags: [["name", "Ghost"], about, ["cap", "tool:forecast", "5", "sats"]],
      content: JSON.stringify({ capabilities: { tools: {} }, serverInfo: { name: "ghost" } }),
    }),
  );
  await pool.publish(
    await signer.signEvent({
      kind: 11317,
      created_at,
      tags: [["t", "weather"]],
      content: JSON.stringify({ tools: [{ name: "forecast", inputSchema: { type: "object" } }] }),
    }),
  );
  return signer.pubkey;
}

Deno.test("cvm discover finds servers by what they say, cost and are, and shows nothing that moves the terminal", async () => {
  await using bench = await openBench({
    info: { name: "Bench" },
    announce: true,
    commonSchemas: { tools: ["echo"], categories: ["testing"] },
  });
  const ghost = await announceGhost(bench);
  const find = async (...words: string[]) => {
    const result = await bench.run(["discover", ...words, "--format", "json"]);
    assertEquals(result.code, 0, result.err);
    return JSON.parse(result.out).map(({ name }: { name: string }) => name).sort().join();
  };
  const all = await bench.run(["inspect", bench.server.publicKey, "schema", "echo"]);
  const { hash } = JSON.parse(all.out);
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], "Bench,Ghost"],
    [["weather", "EVERY"], "Ghost"],
    [["--capability", "prompts"], "Bench"],
    [["--tool", "forecast"], "Ghost"],
    [["--category", "testing"], "Bench"],
    [["--schema", hash], "Bench"],
    [["--schema", toolSchemaHash({ name: "none", inputSchema: {} })], ""],
    [["--common-schema"], "Bench"],
    [["--max-price", "0"], "Bench"],
    [["--max-price", "5"], "Bench,Ghost"],
    [["--max-age", "1h"], "Bench"],
    [["--max-age", "3h"], "Bench,Ghost"],
    [["--encrypted"], "Bench"],
    [["--online", "--timeout", "1s"], "Bench"],
  ];
  for (const [words, names] of cases) assertEquals(await find(...words), names, words.join(" "));

  const table = await bench.run(["discover", "weather"]);
  assertMatch(
    table.out,
    /^npub1\S+ {2}Ghost: weather everywhere {2}\(2 hours ago, 5 sats, tools: forecast\)$/m,
  );
  assertStringIncludes(table.err, "1 server on 1 relay\n");
  const lines = await bench.run(["discover", "--format", "jsonl"]);
  assert(lines.out.trim().split("\n").some((line) => JSON.parse(line).publicKey === ghost));
  for (
    const [words, message] of [
      [["--max-age", "soon"], "soon"],
      [["--schema", "abc"], "abc"],
      [["--capability", "toolz"], "toolz"],
    ] as const
  ) {
    const { code, err } = await bench.run(["discover", ...words]);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
});

Deno.test("cvm discover --live goes on until it is interrupted", async () => {
  await using bench = await openBench({ info: { name: "Bench" }, announce: true });
  const io = new TestIo({ env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: bench.folder } });
  const ended = runCli(["discover", "--live", "--relay", bench.relay.url], io);
  await until(() => io.out.includes("Bench"));
  await announceGhost(bench, { ageSeconds: 0 });
  await until(() => io.out.includes("Ghost"));
  await bench.server.withdraw();
  const npub = formatNpub(bench.server.publicKey);
  await until(() => io.out.includes(`${npub}  taken back`));
  io.controller.abort(new Interrupt("SIGINT"));
  assertEquals(await ended, 130);
});
