import { assertEquals, assertStringIncludes } from "@std/assert";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { openWebSocket } from "../../../cli/websocket.ts";
import { formatNsec, generateKey, PrivateKeySigner } from "../../../crypto/mod.ts";
import { openBench } from "./_bench.ts";

Deno.test("F36: cvm call leaves no event on the relay when the server takes ephemeral wraps", async () => {
  await using bench = await openBench();
  const args = ["call", bench.server.publicKey, "echo"];
  const call = await bench.run([...args, "text=007", "who.age=3"]);
  assertEquals([call.code, call.out], [0, '{"text":"007","who":{"age":3}}\n'], call.err);
  const shaken = await bench.run([...args, "text=x", "--handshake", "--format", "json"]);
  assertEquals(JSON.parse(shaken.out).content[0].text, '{"text":"x"}');
  assertEquals(
    (await bench.run(["call", bench.server.publicKey, "count", "--stream"])).out,
    "one two three\ndone\n",
  );
  await using pool = new RelayPool([bench.relay.url], { webSocket: openWebSocket });
  assertEquals(await pool.query([{}]), []);
});

Deno.test("F30: cvm call ends with 5 when the tool or the server says no, and with 2 for what is not there", async () => {
  await using bench = await openBench();
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [["fail"], 5, "reports an error"],
    [["refuse"], 5, "not today"],
    [["ehco"], 2, 'did you mean "echo"?'],
    [["echo"], 2, "text=… (string)"],
    [["echo", "text"], 2, "key=value"],
  ];
  for (const [words, code, message] of cases) {
    const result = await bench.run(["call", bench.server.publicKey, ...words, "--format", "json"]);
    const { error } = JSON.parse(result.err);
    assertEquals([result.code, error.exitCode], [code, code]);
    assertStringIncludes(error.message, message);
  }
});

Deno.test("cvm call learns soon that nobody is there, and warns of an open key file, in JSON where that was asked for", async () => {
  await using bench = await openBench();
  const file = `${bench.folder}/open.key`;
  await Deno.writeTextFile(file, formatNsec(generateKey()), { mode: 0o644 });
  await Deno.chmod(file, 0o644);
  const nobody = PrivateKeySigner.generate().pubkey;
  const args = ["call", nobody, "echo", "--timeout", "1", "--key-file", file, "--format", "json"];
  const { code, err } = await bench.run(args);
  const [warning = "", failure = ""] = err.trim().split("\n");
  assertStringIncludes(JSON.parse(warning).warning, "chmod 600");
  assertEquals([code, JSON.parse(failure).error.exitCode], [4, 4]);
  assertStringIncludes(JSON.parse(failure).error.message, "Possible reasons");
});

Deno.test("cvm call waits for who reports progress, also without a terminal, and says how long it waited for others", async () => {
  await using bench = await openBench();
  const call = ["call", bench.server.publicKey, "steps"];
  const long = await bench.run([...call, "long:=true", "--timeout", "1"]);
  assertEquals([long.code, long.out], [0, "done\n"], long.err);
  const hang = await bench.run([...call, "forever:=true", "--timeout", "0.3", "--format", "json"]);
  const { error } = JSON.parse(hang.err);
  assertEquals([hang.code, error.code], [4, "SERVER_NOT_ANSWERING"]);
  assertStringIncludes(error.message, "for 0.3 s after tools/call; --timeout");
});

Deno.test("cvm call takes an announcement that MCP libraries would choke on", async () => {
  await using bench = await openBench();
  await using pool = new RelayPool([bench.relay.url], { webSocket: openWebSocket });
  const broken = { capabilities: { tools: 7 }, serverInfo: { name: 3 }, instructions: [] };
  await pool.publish(
    await bench.signer.signEvent({
      kind: 11316,
      created_at: Math.floor(Date.now() / 1000),
      tags: [["support_encryption"], ["support_encryption_ephemeral"]],
      content: JSON.stringify(broken),
    }),
  );
  const { code, err } = await bench.run(["call", bench.server.publicKey, "echo", "text=x"]);
  assertEquals(code, 0, err);
});
