import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { runCli } from "../../cli/app.ts";
import { NameCache } from "../../cli/name_cache.ts";
import { serveRelay } from "../../cli/relay/mod.ts";
import { isPlainWord } from "../../cli/server_names.ts";
import { openWebSocket } from "../../cli/websocket.ts";
import { formatNpub, PrivateKeySigner } from "../../crypto/mod.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { completeIn, makeShellPlace, type ShellPlace, SHELLS, typeInto } from "./_shells.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

const SERVER = PrivateKeySigner.generate();
const FRIEND = formatNpub(SERVER.pubkey);

/** A folder with aliases, and with what is known of the server that they name. */
async function setUp() {
  const folder = await temporaryFolder();
  const place = await makeShellPlace(folder.path);
  await Deno.mkdir(`${folder.path}/cvm`);
  const config = JSON.stringify({ aliases: { friend: FRIEND, foe: FRIEND } });
  await Deno.writeTextFile(`${folder.path}/cvm/config.json`, config);
  await Deno.writeTextFile(`${folder.path}/some.key`, "");
  await new NameCache(`${folder.path}/cache/cvm/names.json`).add([{
    publicKey: SERVER.pubkey,
    source: "server",
    names: {
      tools: new Map([["forecast", ["city", "days"]], ["for:each", []], ["translate", ["text"]]]),
      prompts: new Map([["greet", ["who", "how"]], ["grow", []]]),
      resources: new Map([["test://one/two", []], ["test://three", []], ["data:x", []]]),
    },
  }]);
  return {
    ...place,
    complete: (...words: string[]) => complete(words, place),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** What is completed, without a shell around it. */
async function complete(words: readonly string[], { env, path }: ShellPlace, shell = "fish") {
  const variables = { CVM_COMPLETE_CACHE: "", CVM_COMPLETE_TIMEOUT: "0", ...env };
  const io = Object.assign(new TestIo({ env: variables }), { cwd: path });
  assertEquals(await runCli(["completion", shell, ...words], io), 0, io.err);
  return io.out.split("\n").map((line) => line.split("\t")[0] ?? "").filter((line) => line !== "");
}

Deno.test("cvm completion completes commands, options, values, aliases, settings and files", async () => {
  await using place = await setUp();
  const { complete } = place;
  assertEquals(await complete("inspect", "fr"), ["friend"]);
  assertEquals(await complete("proxy", "--timeout", "3", "--stateless", "f"), ["friend", "foe"]);
  assertEquals((await complete("inspect", "friend", "f")).includes("friend"), false);
  assert((await complete("insp")).includes("inspect"));
  assert((await complete("inspect", "--enc")).includes("--encryption"));
  assert((await complete("inspect", "--encryption", "")).includes("required"));
  assert((await complete("config", "set", "proxy.h")).includes("proxy.http"));
  assert((await complete("config", "unset", "aliases.f")).includes("aliases.friend"));
  assert((await complete("config", "show", "ga")).includes("gateway"));
  assert((await complete("inspect", "--key-file", "x"))[0]?.startsWith("__FILE__"));
  // Behind -- there is the command line of another program.
  assertEquals(await complete("gateway", "--", "f"), ["__FILE__:any::f:0"]);
  // A configuration that can't be used is no reason to complete nothing.
  await Deno.writeTextFile(`${place.path}/cvm/config.json`, "{");
  assert((await complete("insp")).includes("inspect"));
  assertEquals((await complete("inspect", "fr")).includes("friend"), false);
});

Deno.test("cvm completion completes what a server offers, wherever a command takes it", async () => {
  await using place = await setUp();
  const tools = ["forecast", "for:each", "translate"];
  const uris = ["test://one/two", "test://three", "data:x"];
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["call friend ", tools],
    [`call ${FRIEND} t`, ["translate"]],
    [`call ${SERVER.pubkey} --format json t`, ["translate"]],
    ["call friend forecast ", ["city=", "days="]],
    ["call friend forecast city=x d", ["days="]],
    ["call friend forecast city:=1 ", ["days="]],
    ["call friend forecast city=", []],
    ["call friend other c", []],
    ["inspect friend s", ["schema"]],
    ["inspect friend wa", []],
    ["inspect wa", ["watch"]],
    ["inspect friend schema ", tools],
    ["inspect schema friend ", tools],
    ["inspect schema fr", ["friend"]],
    ["inspect --timeout 3 friend call f", ["forecast", "for:each"]],
    ["inspect friend call forecast c", ["city="]],
    ["inspect friend get g", ["greet", "grow"]],
    ["inspect friend get greet ", ["who=", "how="]],
    ["inspect friend complete gre", ["greet"]],
    ["inspect friend complete greet ", ["who", "how"]],
    ["inspect friend read ", uris],
    ["inspect friend read test://", uris.slice(0, 2)],
    ["inspect friend diff fr", ["friend"]],
    ["inspect friend raw tools/", ["tools/call", "tools/list"]],
    ["inspect --http http://127.0.0.1 t", ["tools", "templates"]],
    ["inspect --http http://127.0.0.1 call f", []],
    ["call nobody f", []],
    ["completion ", ["bash", "fish", "nu", "pwsh", "zsh"]],
    ["call --format=js", ["--format=json", "--format=jsonl"]],
  ];
  for (const [line, expected] of cases) {
    assertEquals(await place.complete(...line.split(" ")), expected, line);
  }
});

Deno.test("cvm completion prints a script for each shell", async () => {
  const parts = {
    bash: ["complete -F _cvm_words -- cvm", "compopt -o nospace"],
    zsh: ["#compdef cvm", "_describe 'arguments' __open -S ''"],
    fish: ["complete -c cvm -f -a '(__cvm_complete)'"],
    pwsh: ["Register-ArgumentCompleter -Native -CommandName cvm", "$quoteArgument"],
    nu: ["$env.config.completions.external.completer", "quote-arg"],
  };
  for (const [shell, expected] of Object.entries(parts)) {
    const io = new TestIo();
    assertEquals(await runCli(["completion", shell], io), 0);
    for (const part of expected) assertStringIncludes(io.out, part);
  }
  const io = new TestIo();
  assertEquals(await runCli(["completion", "tcsh"], io), 2);
  assertStringIncludes(io.err, "bash");
});

/** What each shell puts in the place of a word of which it knows all completions. */
const LINES: readonly (readonly [line: string, ...completed: string[]])[] = [
  ["cvm insp", "inspect"],
  ["cvm inspect fr", "friend"],
  ["cvm call friend ", "for:each", "forecast", "translate"],
  ["cvm call friend tr", "translate"],
  ["cvm call friend for:", "for:each"],
  ["cvm call 'friend' tr", "translate"],
  ['cvm call --format json "friend" tr', "translate"],
  ["cvm call friend forecast city=x d", "days="],
  ["cvm call friend forecast c", "city="],
  ["cvm inspect friend read test://o", "test://one/two"],
  ["cvm inspect friend get g", "greet", "grow"],
  ["cvm call friend --format=te", "--format=text"],
  ["cvm call friend --key-file=som", "--key-file=some.key"],
  ["cvm call friend --key-file som", "some.key"],
  ["cvm gateway -- som", "some.key"],
  ["cvm completion z", "zsh"],
];

for (const shell of SHELLS) {
  Deno.test(`${shell} completes aliases, tools, arguments, URIs, values and files of cvm`, async () => {
    await using place = await setUp();
    place.env.CVM_COMPLETE_TIMEOUT = "0";
    const found = await completeIn(shell, LINES.map(([line]) => line), place);
    if (found === undefined) return;
    const sorted = found.map((words, at) => [LINES[at]?.[0], ...words.toSorted()]);
    assertEquals(sorted, LINES.map((line) => [...line]));
  });
}

for (const shell of ["bash", "zsh"] as const) {
  Deno.test(`${shell} completes at a tab, inside quotes too, and leaves no space behind key=`, async () => {
    await using place = await setUp();
    place.env.CVM_COMPLETE_TIMEOUT = "0";
    const cases: readonly (readonly [keys: string, ...words: string[]])[] = [
      ["cvm call fri\tforec\t", "cvm", "call", "friend", "forecast"],
      [
        "cvm call friend forecast c\tBonn d\t5",
        "cvm",
        "call",
        "friend",
        "forecast",
        "city=Bonn",
        "days=5",
      ],
      ['cvm call "fri\t', "cvm", "call", "friend"],
      ["cvm call 'fri\ttr\t", "cvm", "call", "friend", "translate"],
      ['cvm call friend --format "te\t', "cvm", "call", "friend", "--format", "text"],
      ["cvm inspect friend read test://t\t", "cvm", "inspect", "friend", "read", "test://three"],
    ];
    const found = await typeInto(shell, cases.map(([keys]) => keys), place);
    if (found === undefined) return;
    assertEquals(found, cases.map(([, ...words]) => words));
  });
}

/** Names with which a server may try to make a shell do something. */
const HOSTILE: readonly string[] = [
  "$(touch PWNED)",
  "`touch PWNED`",
  ";touch PWNED;",
  "x;touch${IFS}PWNED",
  "x\ntouch PWNED\n",
  "x\rtouch PWNED\r",
  "x\u001b]0;title\u0007",
  "x\u0000touch PWNED",
  "x'$(touch PWNED)'",
  'x"$(touch PWNED)"',
  "x|touch PWNED",
  "x&touch PWNED",
  "x>PWNED",
  "<(touch PWNED)",
  "(touch PWNED)",
  "{touch,PWNED}",
  "-rf",
  "--config=PWNED",
  "=touch",
  "~/x",
  "!touch",
  "*",
  "x\\",
  "x\u2019;touch PWNED",
  "__FILE__:any::x:0",
  "__LITERAL__:$(touch PWNED)",
  "x".repeat(5_000),
];

for (const shell of SHELLS) {
  Deno.test(`${shell} is offered no name that it could take for anything but a name`, async () => {
    await using folder = await temporaryFolder();
    await using relay = await serveRelay();
    const place = await makeShellPlace(folder.path);
    place.env.CVM_RELAYS = relay.url;
    place.env.CVM_COMPLETE_TIMEOUT = "20"; // for a slow machine; nothing waits for it
    const signs = fc.string({
      unit: fc.constantFrom(..."abcZ09_-./:+%=$`'\"\\;&|<>(){}[]*?!#~^,@ \t\n\r\u001b\u00e4\u202e"),
      minLength: 1,
      maxLength: 12,
    });
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const others = fc.sample(signs, { numRuns: 150, seed });
    const names = [...new Set(["safe_tool", ...HOSTILE, ...others])];
    const inputSchema = { properties: Object.fromEntries(HOSTILE.map((name) => [name, {}])) };
    await using pool = new RelayPool([relay.url], { webSocket: openWebSocket });
    await pool.publish(
      await SERVER.signEvent({
        kind: 11317,
        created_at: 1,
        tags: [],
        content: JSON.stringify({
          tools: names.map((name) => name === "safe_tool" ? { name, inputSchema } : { name }),
        }),
      }),
    );
    const line = `cvm call ${FRIEND} `;
    const found = await completeIn(shell, [line, line, `${line}safe_tool `], place);
    if (found === undefined) return;
    const [first, second, keys] = found;
    assertEquals(first?.toSorted(), names.filter(isPlainWord).toSorted());
    assertEquals(first?.toSorted(), second?.toSorted());
    assert(!keys?.some((word) => /PWNED|touch/.test(word)), keys?.join());
    const files = await Array.fromAsync(Deno.readDir(folder.path), ({ name }) => name);
    assert(!files.some((name) => /PWNED|touch/.test(name)), files.join());
  });
}

Deno.test("no shell is given a name with a sign that means something to one of them", async () => {
  await using place = await setUp();
  const file = `${place.path}/cache/cvm/names.json`;
  const tools = Object.fromEntries(["safe", ...HOSTILE].map((name) => [name, HOSTILE]));
  const entry = { isOwn: true, seenAt: Date.now(), names: { tools } };
  await Deno.writeTextFile(
    file,
    JSON.stringify({ version: 1, servers: { [SERVER.pubkey]: entry } }),
  );
  for (const shell of ["bash", "zsh", "fish", "pwsh", "nu"]) {
    for (const words of [["call", "friend", ""], ["call", "friend", "safe", ""]]) {
      const lines = await complete(words, place, shell);
      assert(!lines.join().includes("PWNED"), shell);
      if (words.length === 3) assert(lines.some((line) => line.startsWith("safe")), shell);
    }
  }
});
