import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ESCAPE, openBench } from "../inspect/_bench.ts";

Deno.test("cvm review writes, answers, lists in threads and deletes, each with its own key", async () => {
  await using bench = await openBench();
  const { folder } = bench;
  const server = bench.server.publicKey;
  const as = (who: string, words: readonly string[], stdin?: string) =>
    bench.run(["review", server, ...words, "--key-file", `${folder}/${who}.key`], { stdin });

  assertEquals((await as("alice", [])).out, "nobody has said anything\n");
  const written = await as("alice", ["write", "-"], `Quick${ESCAPE}\nand right.\n`);
  assertEquals(written.code, 0, written.err);
  const id = /^[0-9a-f]{64}$/m.exec(written.out)?.[0] ?? "";
  assertStringIncludes(written.out, `taken by ${bench.relay.url}`);
  const reply = await as("bob", ["reply", id.slice(0, 8), "For me, too.", "--format", "json"]);
  assertEquals(reply.code, 0, reply.err);

  const tree = await as("alice", []);
  assertMatch(
    tree.out,
    new RegExp(`^${id.slice(0, 12)}  npub1\\w+  .*\\n  Quick\\n  and right\\.\\n  \\w{12}  npub1`),
  );
  assertEquals(tree.out.includes("\u001b"), false);
  const json = JSON.parse((await as("alice", ["--format", "json"])).out);
  assertEquals(json.reviews[0].replies[0].text, "For me, too.");
  assertEquals([json.orphans, json.truncated], [[], false]);

  const foreign = await as("bob", ["delete", id]);
  assertEquals(foreign.code, 2);
  assertStringIncludes(foreign.err, `is by ${json.reviews[0].author}`);
  assertEquals((await as("alice", ["delete", id])).code, 0);
  const left = JSON.parse((await as("alice", ["--format", "json"])).out);
  assertEquals([left.reviews.length, left.orphans.length], [0, 1]);
});

Deno.test("F30: cvm review says what is wrong with its words", async () => {
  await using bench = await openBench();
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [["wirte", "x"], 2, 'did you mean "write"?'],
    [["write", "two", "words"], 2, "needs quotes"],
    [["write", "  "], 2, "empty"],
    [["reply", "xyz", "text"], 2, "no id"],
    [["delete", "abcdef"], 5, "there is no review"],
  ];
  for (const [words, code, message] of cases) {
    const result = await bench.run(["review", bench.server.publicKey, ...words]);
    assertEquals(result.code, code, result.err);
    assertStringIncludes(result.err, message);
  }
});
