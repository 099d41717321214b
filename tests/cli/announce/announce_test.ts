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

Deno.test("cvm announce --servers announces a server of a host's file as cvm gateway --servers does, with its key", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const file = `${folder.path}/mcp.json`;
  const [command, ...args] = serverCommand();
  const cvm = {
    name: "From the file",
    about: "Tests",
    tools: ["echo", "env"],
    commonSchemas: ["echo"],
    categories: ["testing"],
  };
  const mcpServers = { one: { command, args, cvm }, off: { command, disabled: true } };
  await Deno.writeTextFile(file, JSON.stringify({ mcpServers }));
  const cvmRun = (words: readonly string[]) =>
    runAlone([...words, "--relay", relay.url], folder.path);
  const announce = (...words: string[]) => cvmRun(["announce", ...words, "--servers", file, "one"]);

  const planned = await announce("preview", "--format", "json");
  assertEquals(planned.code, 0, planned.err);
  const [, server, tools] = JSON.parse(planned.out);
  assertEquals(server.tags.slice(0, 2), [["name", "From the file"], ["about", "Tests"]]);
  assert(tools.tags.some(([name, value]: string[]) => name === "t" && value === "testing"));
  const names = JSON.parse(tools.content).tools.map(({ name }: { name: string }) => name);
  assertEquals(names.sort(), ["echo", "env"]);
  assertStringIncludes((await announce("delete")).err, "nothing was announced with it here");

  const published = await announce("publish");
  assertEquals(published.code, 0, published.err);
  const npub = /npub1\w+/.exec(published.out)?.[0] ?? "";
  assertMatch((await cvmRun(["announce", "show", npub])).out, /^kind 11316 {2}server {2}/m);
  // The gateway of the file has the same key, and takes back what was announced here.
  const withdrawal = ["gateway", "--servers", file, "--delete-announcement", "one"];
  const gone = await cvmRun(withdrawal);
  assertEquals(gone.code, 0, gone.err);
  assertStringIncludes(gone.out, npub);
  assertEquals((await announce("publish")).code, 0);
  assertMatch((await announce("delete")).out, /^deleted: relay list, server, tools/m);

  const wrong: readonly (readonly [readonly string[], string])[] = [
    [["publish", "--servers", file], "needs the server's name"],
    [["publish", "--servers", file, "off"], "switched off"],
    [["publish", "--servers", file, "on"], 'it has: one; did you mean "one"?'],
    [["publish", "--servers", file, "one", "--", "true"], "without a command after --"],
    [["publish", "--servers", file, "one", "--name", "X"], "--name is about one server"],
    [["preview", "--servers", file, "one", "--env", "A=1"], "--env is about one server"],
    [["delete", "--servers", file, "one", "--key-file", file], "--key-file is about one server"],
    [["delete", "one"], '"one" is too much'],
  ];
  for (const [words, message] of wrong) {
    const { code, err } = await runAlone(["announce", ...words], folder.path);
    assertEquals(code, 2, err);
    assertStringIncludes(err, message);
  }
});
