import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { runCli } from "../../cli/app.ts";
import { loadConfig } from "../../cli/config.ts";
import { parseConfigFile } from "../../cli/config_file.ts";
import { expandConfigVariables } from "../../cli/config_variables.ts";
import { knownCommands } from "../../cli/known_commands.ts";
import { settingNames, variableOf } from "../../cli/setting_names.ts";
import { formatNpub, PrivateKeySigner } from "../../crypto/mod.ts";
import { InputError } from "../../errors.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

const FRIEND = formatNpub(PrivateKeySigner.generate().pubkey);
const OTHER = formatNpub(PrivateKeySigner.generate().pubkey);

/** A folder with the user's file and a project's folder. */
async function setUp(files: { readonly user?: string; readonly project?: string }) {
  const folder = await temporaryFolder();
  await Deno.mkdir(`${folder.path}/cvm`);
  await Deno.mkdir(`${folder.path}/project`);
  const user = `${folder.path}/cvm/config.json`;
  const project = `${folder.path}/project/cvm.json`;
  if (files.user !== undefined) await Deno.writeTextFile(user, files.user);
  if (files.project !== undefined) await Deno.writeTextFile(project, files.project);
  const io = (env: Record<string, string> = {}) =>
    Object.assign(new TestIo({ env: { XDG_CONFIG_HOME: folder.path, ...env } }), {
      cwd: `${folder.path}/project`,
    });
  const cvm = async (args: readonly string[], env: Record<string, string> = {}) => {
    const own = io(env);
    const code = await runCli(args, own);
    return { code, out: own.out, err: own.err };
  };
  return { user, project, io, cvm, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** The printed settings, by name. */
function rowsOf(out: string) {
  const rows: { name: string; value: unknown; source: string; where: string | null }[] = out.trim()
    .split("\n").map((line) => JSON.parse(line));
  return new Map(rows.map(({ name, value, source, where }) => [name, { value, source, where }]));
}

Deno.test("F32: each setting comes from the command line, else the environment, the project's file, the user's, its default", async () => {
  await using place = await setUp({
    user: '{ "timeout": 1, "relays": ["wss://user.test"], "aliases": { "a": "' + FRIEND + '" } }',
    project: '{ "timeout": 2, "inspect": { "timeout": 3 }, "relays": ["wss://project.test"] }',
  });
  const show = async (words: readonly string[], env: Record<string, string> = {}) => {
    const args = ["inspect", "a", "--print-config", "--format", "jsonl", ...words];
    const { code, out, err } = await place.cvm(args, env);
    assertEquals([code, err], [0, ""]);
    return rowsOf(out);
  };
  const both = {
    CVM_TIMEOUT: "4",
    CVM_INSPECT_TIMEOUT: "5",
    CVM_RELAYS: "wss://one.test, wss://two.test",
  };
  const typed = await show(["--timeout", "6"], both);
  assertEquals(typed.get("timeout"), { value: "6", source: "command line", where: null });
  assertEquals(typed.get("relays"), {
    value: ["wss://one.test", "wss://two.test"],
    source: "environment",
    where: "CVM_RELAYS",
  });
  const variable = await show([], both);
  assertEquals(variable.get("timeout")?.where, "CVM_INSPECT_TIMEOUT");
  assertEquals((await show([], { CVM_TIMEOUT: "4" })).get("timeout")?.where, "CVM_TIMEOUT");
  const files = await show([]);
  assertEquals(files.get("timeout"), {
    value: 3,
    source: "project file",
    where: `${place.project}:1:41`,
  });
  assertEquals(files.get("relays")?.value, ["wss://project.test"]);
  assertEquals(files.get("aliases.a")?.where, `${place.user}:1:66`);
  await Deno.remove(place.project);
  assertEquals((await show([])).get("timeout")?.source, "user file");
  await Deno.remove(place.user);
  const { code, out } = await place.cvm(["config", "show", "inspect", "--format", "jsonl"]);
  assertEquals(code, 0);
  assertEquals(rowsOf(out).get("timeout"), { value: "60", source: "default", where: null });
});

Deno.test("F32: what the environment and files say is what a command runs with", async () => {
  await using place = await setUp({ user: '{ "connectTimeout": 0.2, "format": "json" }' });
  const args = ["inspect", FRIEND, "--relay", "ws://127.0.0.1:1"];
  const fromFile = await place.cvm(args);
  assertEquals([fromFile.code, JSON.parse(fromFile.err).error.code], [4, "RELAY_UNREACHABLE"]);
  const fromVariable = await place.cvm(args, { CVM_FORMAT: "text" });
  assertEquals(fromVariable.code, 4);
  assert(fromVariable.err.startsWith("cvm: "));
});

Deno.test("F32: every setting of every command can be set by a variable and by a file", () => {
  const { shared, sections } = settingNames();
  const variables = new Set<string>();
  for (const { path: [command = ""] } of knownCommands()) {
    for (const option of sections.get(command)?.values() ?? []) {
      variables.add(variableOf(option, command));
    }
  }
  for (const option of shared.values()) variables.add(variableOf(option));
  for (const name of ["CVM_TIMEOUT", "CVM_KEY_FILE", "CVM_PROXY_HTTP", "CVM_GATEWAY_ANNOUNCE"]) {
    assert(variables.has(name), name);
  }
  // A section of a file must not be named like a setting that all commands share.
  for (const name of sections.keys()) assert(!shared.has(name), name);
});

Deno.test("F32: a flag is set and unset by what comes first", async () => {
  await using place = await setUp({
    user: '{ "gateway": { "announce": true, "relayList": true, "allow": ["' + FRIEND + '"] } }',
  });
  const show = async (words: readonly string[], env: Record<string, string>) => {
    const args = ["gateway", ...words, "--print-config", "--format=jsonl", "--", "true"];
    const { code, out, err } = await place.cvm(args, env);
    assertEquals(code, 0, err);
    return rowsOf(out);
  };
  const rows = await show(["--no-relay-list"], {
    CVM_GATEWAY_ANNOUNCE: "no",
    CVM_GATEWAY_ALLOW: OTHER,
  });
  assertEquals(rows.get("announce")?.value, false);
  assertEquals(rows.get("relayList"), { value: false, source: "command line", where: null });
  assertEquals(rows.get("allow")?.value, [OTHER]);
  const wrong = await place.cvm(["gateway", "--", "true"], { CVM_GATEWAY_ANNOUNCE: "maybe" });
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "CVM_GATEWAY_ANNOUNCE must be true or false");
});

Deno.test("F32: a configuration that can't be used is an error that says where, and stays as it is", async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{ "aliases": 1', ":1:15: this is not JSON"],
    ['{\n  "relys": []\n}', ':2:3: the key "relys" is unknown; did you mean "relays"'],
    ['{ "timeout": "x" }', ':1:14: "timeout": "x" is no time'],
    ['{ "timeout": true }', ':1:14: "timeout" must be a text or a number'],
    ['{ "encryption": "always" }', ':1:17: "encryption": Expected one of'],
    ['{ "stateless": "yes" }', ':1:16: "stateless" must be true or false'],
    ['{ "proxy": { "htp": 1 } }', 'in "proxy": the key "htp" is unknown; did you mean "http"'],
    ['{ "proxy": { "http": 99999 } }', ':1:22: "http": '],
    ['{ "timeout": 1, "timeout": 2 }', ':1:17: "timeout" is there twice'],
    ['{ "relays": ["http://relay.test"] }', ":1:14: "],
    ['{ "relays": "wss://relay.test" }', ":1:13: "],
    ['{ "aliases": { "a b": "x" } }', ":1:16: the alias"],
    ['{ "aliases": { "a": "nsec1x" } }', ":1:21: the alias"],
    ['{ "aliases": { "a": "${NOT_SET}" } }', "NOT_SET is not set"],
    ['{ "json": "{}" }', 'the key "json" is unknown'],
    ["[]", ":1:1: the file must be a JSON object"],
    ["", ":1:1: "],
  ];
  for (const [text, message] of cases) {
    await using place = await setUp({ user: text });
    for (const args of [["inspect", FRIEND], ["config", "set", "timeout", "3"]]) {
      const { code, out, err } = await place.cvm(args);
      assertEquals([code, out], [2, ""], text);
      assertStringIncludes(err, `${place.user}`);
      assertStringIncludes(err, message);
    }
    assertEquals(await Deno.readTextFile(place.user), text);
  }
});

Deno.test("F32: a configuration file that was named must be there, and is read in the place of others", async () => {
  await using place = await setUp({ user: '{ "timeout": 1 }', project: '{ "timeout": 2 }' });
  const named = `${place.project}.named`;
  for (const [words, env] of [[["--config", named], {}], [[], { CVM_CONFIG: named }]] as const) {
    const { code, err } = await place.cvm(["inspect", FRIEND, ...words], env);
    assertEquals(code, 2);
    assertStringIncludes(err, `${named} can't be used: there is no such file`);
  }
  await Deno.writeTextFile(named, "{}");
  const args = ["inspect", FRIEND, "--config", named, "--print-config", "--format=jsonl"];
  assertEquals(rowsOf((await place.cvm(args)).out).get("timeout")?.source, "default");
});

Deno.test("cvm --print-config shows no secrets", async () => {
  await using place = await setUp({
    user: '{ "relays": ["wss://relay.test/${TOKEN}"], "gateway": { "env": ["PASSWORD=hush"] } }',
  });
  const env = {
    CVM_PRIVATE_KEY: "11".repeat(32),
    CVM_HTTP_BEARER: "hush",
    TOKEN: "hush",
    CVM_GATEWAY_WEBSITE: "https://me:hush@site.test/",
  };
  for (const format of ["text", "json"]) {
    const args = ["gateway", "--print-config", "--format", format, "--", "true"];
    const { out, err, code } = await place.cvm(args, env);
    assertEquals(code, 0, err);
    assert(!/hush|1111/.test(out + err), out);
    for (const name of ["CVM_PRIVATE_KEY", "CVM_HTTP_BEARER", "${TOKEN}"]) {
      assertStringIncludes(out, name);
    }
  }
});

Deno.test("expandConfigVariables() takes variables, defaults and escapes, and refuses what is wrong", () => {
  const io = new TestIo({
    env: { A: "one", EMPTY: "", NESTED: "${A}", CVM_X: "x", CVM_PRIVATE_KEY: "k" },
  });
  const expand = (text: string, isTrusted = true) =>
    expandConfigVariables(text, { env: io.env, isTrusted });
  const cases = [
    ["plain $A", "plain $A"],
    ["<${A}>", "<one>"],
    ["${EMPTY:-two}", "two"],
    ["${NONE:-}", ""],
    ["$${A}", "${A}"],
    ["${NESTED}", "${A}"],
  ] as const;
  for (const [text, expanded] of cases) assertEquals(expand(text), expanded);
  for (const text of ["${", "${A", "${}", "${1A}", "${NONE}", "${CVM_PRIVATE_KEY}"]) {
    assertThrows(() => expand(text), InputError);
  }
  // A project's file may come from a stranger.
  assertEquals(expand("${CVM_X}", false), "x");
  assertThrows(() => expand("${A}", false), InputError, "project's file");
});

Deno.test("cvm config set and unset keep comments and all else as it is", async () => {
  await using place = await setUp({
    user: `{
  // my friends
  "aliases": {
    "friend": "${FRIEND}", // the best
  },
  "timeout": 30
}
`,
  });
  const run = async (...words: string[]) => {
    const { code, err } = await place.cvm(["config", ...words]);
    assertEquals(code, 0, err);
  };
  await run("set", "aliases.other", OTHER);
  await run("set", "proxy.http", "8787");
  await run("set", "relays", "wss://one.test", "wss://two.test");
  await run("unset", "timeout");
  const text = await Deno.readTextFile(place.user);
  assertStringIncludes(text, "// my friends");
  assertStringIncludes(text, "// the best");
  assert(!text.includes("timeout") && text.endsWith("}\n"));
  const { aliases, relays, files } = await loadConfig(place.io());
  assertEquals([...aliases], [["friend", FRIEND], ["other", OTHER]]);
  assertEquals(relays, ["wss://one.test", "wss://two.test"]);
  assertEquals(files.at(-1)?.settings.get("proxy.http")?.value, 8787);

  await run("set", "--project", "gateway.announce", "true");
  assertEquals(
    (await loadConfig(place.io())).files[0]?.settings.get("gateway.announce")?.value,
    true,
  );
  for (
    const [words, message] of [
      [["set", "aliasses.x", OTHER], "aliases"],
      [["set", "aliases.x", "nonsense"], "x"],
      [["set", "timeout", "never"], "timeout"],
      [["set", "timeout", "1", "2"], "one value"],
      [["set", "gateway.announce", "1"], "true or false"],
      [["unset", "proxy.htp"], 'did you mean "proxy.http"'],
      [["unset", "nothing"], "config show"],
    ] as const
  ) {
    const { code, err } = await place.cvm(["config", ...words]);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  }
  assertEquals(await Deno.readTextFile(place.user), text);
});

Deno.test("cvm config set makes a file for its owner only, and writes through a link", async () => {
  await using place = await setUp({});
  assertEquals((await place.cvm(["config", "set", "timeout", "5"])).code, 0);
  assertEquals((await Deno.stat(place.user)).mode! & 0o777, 0o600);
  const target = `${place.project}.real`;
  await Deno.rename(place.user, target);
  await Deno.symlink(target, place.user);
  assertEquals((await place.cvm(["config", "set", "timeout", "6"])).code, 0);
  assert((await Deno.lstat(place.user)).isSymlink);
  assertEquals(JSON.parse(await Deno.readTextFile(target)), { timeout: 6 });
});

Deno.test("parseConfigFile() takes a file of any depth and size without harm", async () => {
  const options = { file: "f", layer: "user file", env: new TestIo().env } as const;
  const names = Array.from({ length: 2_000 }, (_, index) => `"a${index}": "${FRIEND}"`);
  const { aliases } = await parseConfigFile(`{"aliases":{${names.join(",")}}}`, options);
  assertEquals(aliases.size, 2_000);
  const proto = await parseConfigFile(`{"aliases":{"constructor":"${FRIEND}"}}`, options);
  assertEquals(proto.aliases.get("constructor")?.value, FRIEND);
  await assertRejects(() => parseConfigFile('{"__proto__":{}}', options), InputError, "unknown");
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  await assertRejects(() => parseConfigFile(deep, options), InputError);
});
