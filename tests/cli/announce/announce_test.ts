import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { serveRelay } from "../../../cli/relay/mod.ts";
import { formatNpub } from "../../../crypto/mod.ts";
import { serverCommand, temporaryFolder } from "../helpers.ts";
import { runAlone } from "../inspect/_bench.ts";

Deno.test("cvm announce previews, publishes, shows and deletes what announces a server, with the gateway's key", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const announce = async (words: readonly string[], target = serverCommand()) => {
    const args = ["announce", ...words, "--relay", relay.url, "--", ...target];
    return await runAlone(args, folder.path);
  };
  const about = ["--name", "Test", "--common-schema", "echo", "--category", "testing"];
  const before = await announce(["preview", ...about, "--format", "json"]);
  assertEquals(before.code, 0, before.err);
  assertStringIncludes(before.err, "there is no key yet");
  const planned = JSON.parse(before.out);
  assertEquals(planned.map(({ kind }: { kind: number }) => kind), [
    10002,
    11316,
    11317,
    11318,
    11319,
    11320,
  ]);
  assertEquals(planned[0].tags, [["r", relay.url]]);
  assertEquals(planned[1].tags[0], ["name", "Test"]);
  assert(planned[2].tags.some(([name, value]: string[]) => name === "t" && value === "testing"));
  assertStringIncludes((await announce(["show"])).err, "nothing was announced with it here");

  const published = await announce(["publish", ...about]);
  assertEquals(published.code, 0, published.err);
  const npub = /npub1\w+/.exec(published.out)?.[0] ?? "";
  const own = await announce(["show", "--format", "json"]);
  assertEquals(own.code, 0, own.err);
  const shown = JSON.parse(own.out);
  assertEquals(
    shown.map(({ kind, content }: { kind: number; content: string }) => [kind, content]).sort(),
    planned.map(({ kind, content }: { kind: number; content: string }) => [kind, content]).sort(),
  );
  assertEquals(shown[0].relays, [relay.url]);
  const text = await runAlone(["announce", "show", npub, "--relay", relay.url], folder.path);
  assertMatch(text.out, /^kind 11316 {2}server {2}/m);
  const again = JSON.parse((await announce(["preview", "--format", "json"])).out);
  assertEquals(formatNpub(again[0].pubkey), npub);

  const gone = await announce(["delete"]);
  assertEquals(gone.code, 0, gone.err);
  assertMatch(gone.out, /^deleted: relay list, server, tools/m);
  const nothing = await announce(["show"]);
  assertStringIncludes(nothing.out, `nothing is announced by ${npub}`);
  assertStringIncludes((await announce(["delete"])).err, "nothing is announced");
});

Deno.test("F30: cvm announce says whose announcement it can't know, and why a server can't be asked", async () => {
  await using folder = await temporaryFolder();
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [["show"], 2, "whose announcement?"],
    [["delete"], 2, "whose announcement?"],
    [["publish"], 2, "after --"],
    [["preview", "--", "false"], 4, "exited with code 1"],
    [["preview", "--", "http://127.0.0.1:1/", "more"], 2, "more"],
    [["delete", "--", "never-run"], 2, "no such key"],
    [["sho"], 2, "sho"],
    [["show", "ab".repeat(32), "--relay", "ws://127.0.0.1:1"], 4, "no relay could be asked"],
  ];
  for (const [words, code, message] of cases) {
    const result = await runAlone(["announce", ...words], folder.path);
    assertEquals([result.code, result.out], [code, ""], result.err);
    assertStringIncludes(result.err, message);
  }
});
