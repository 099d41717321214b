import { assertEquals, assertMatch } from "@std/assert";
import { runCli } from "../../cli/app.ts";
import { knownCommands } from "../../cli/known_commands.ts";
import { SUBCOMMANDS } from "../../cli/commands/inspect/words.ts";
import { settingNames } from "../../cli/setting_names.ts";
import { formatNpub, PrivateKeySigner } from "../../crypto/mod.ts";
import { openBench } from "./inspect/_bench.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

/** A folder with an alias and a file of servers. */
async function setUp() {
  const folder = await temporaryFolder();
  await Deno.mkdir(`${folder.path}/cvm`);
  const npub = formatNpub(PrivateKeySigner.generate().pubkey);
  const config = JSON.stringify({ aliases: { friend: npub } });
  await Deno.writeTextFile(`${folder.path}/cvm/config.json`, config);
  const servers = JSON.stringify({ mcpServers: { weather: { command: "true" } } });
  await Deno.writeTextFile(`${folder.path}/servers.json`, servers);
  return {
    path: folder.path,
    cvm: async (line: string, env: Record<string, string> = {}) => {
      const variables = { XDG_CONFIG_HOME: folder.path, ...env };
      const io = Object.assign(new TestIo({ env: variables }), { cwd: folder.path });
      const code = await runCli(line.split(" "), io);
      return { code, err: io.err.replace(/\s+/g, " ") };
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** A name with a letter twice. */
function mistyped(name: string): string {
  const at = name.length - 2;
  return name.slice(0, at) + name[at] + name.slice(at);
}

/** Whether a message asks for this very name. */
function asks(err: string, name: string): void {
  const plain = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  assertMatch(
    err,
    new RegExp(`[Dd]id you mean (one of these\\? )?[\`"](\\S+[\`"] (or ["\`])?)*?${plain}[\`"]`),
  );
}

Deno.test("every mistyped word of the command line is answered with the one that is meant", async () => {
  await using place = await setUp();
  const cases: (readonly [line: string, meant: string, env?: Record<string, string>])[] = [
    ["gatway", "gateway"],
    ["gatway --help", "gateway"],
    ["help gatway", "gateway"],
    ["help keys shwo", "show"],
    ["keys gnerate --help", "generate"],
    ["help --ful", "--full"],
    ["config set timout 3", "timeout"],
    ["config set gateway.anounce true", "gateway.announce"],
    ["config set gatway.announce true", "gateway.announce"],
    ["config unset relayz", "relays"],
    ["config set format jsno", "json"],
    ["config show gatway", "gateway"],
    ["config show kesy generate", "keys generate"],
    ["completion bsh", "bash"],
    ["inspect freind", "friend"],
    ["call freind echo", "friend"],
    [`gateway --servers ${place.path}/servers.json wether`, "weather"],
    ["call friend echo", "json", { CVM_FORMAT: "jsno" }],
    ["call friend echo", "native", { CVM_ENGINE: "natve" }],
    ["inspect doctro friend", "doctor"],
    ["call --format jsno friend echo", "json"],
    ["call --format=jsno friend echo", "json"],
    ["call --log-level debgu friend echo", "debug"],
    ["inspect --encryption requird friend", "required"],
    ["inspect --gift-wrap ephemral friend", "ephemeral"],
    ["discover --capability tols", "tools"],
    ["proxy --install cluade friend", "claude"],
    ["gateway --log-format jsno -- true", "json"],
  ];
  // Each command, subcommand and option, and each setting.
  for (const { path, options } of knownCommands()) {
    const [last = "", ...before] = path.toReversed();
    cases.push([[...before, mistyped(last)].join(" "), last]);
    for (const { name } of options) {
      if (cases.some(([, meant]) => meant === name)) continue; // many commands have the same
      cases.push([`${path.join(" ")} --${mistyped(name.slice(2))}`, name]);
    }
  }
  for (const name of SUBCOMMANDS.keys()) cases.push([`inspect friend ${mistyped(name)}`, name]);
  const { shared, sections } = settingNames();
  for (const key of shared.keys()) cases.push([`config set ${mistyped(key)} x`, key]);
  for (const [section, keys] of sections) {
    const [key = ""] = keys.keys();
    cases.push([`config set ${section}.${mistyped(key)} x`, `${section}.${key}`]);
  }
  for (const [line, meant, env] of cases) {
    const { code, err } = await place.cvm(line, env);
    assertEquals(code, 2, `${line}: ${err}`);
    asks(err, meant);
  }
});

Deno.test("a key of a configuration file that is mistyped is answered with the one that is meant", async () => {
  await using place = await setUp();
  const cases = [
    ['{"alaises":{}}', "aliases"],
    ['{"gatway":{}}', "gateway"],
    ['{"gateway":{"anounce":true}}', "announce"],
    ['{"format":"jsno"}', "json"],
  ] as const;
  for (const [text, meant] of cases) {
    await Deno.writeTextFile(`${place.path}/cvm.json`, text);
    const { code, err } = await place.cvm("call friend echo");
    assertEquals(code, 2, err);
    asks(err, meant);
  }
});

Deno.test("an option of another command is said to be one of that", async () => {
  await using place = await setUp();
  const { code, err } = await place.cvm("relay --servers x");
  assertEquals(code, 2);
  assertMatch(err, /Unexpected option: `--servers`\. It is one of: gateway, inspect, announce\./);
});

Deno.test("a mistyped tool, prompt, argument or value is answered with the one that is meant", async () => {
  await using bench = await openBench();
  const server = bench.server.publicKey;
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["call", server, "ehco"], "echo"],
    [["inspect", server, "schema", "ehco"], "echo"],
    [["inspect", server, "get", "gret"], "greet"],
    [["call", server, "echo", "text=x", "mood=goood"], "good"],
  ];
  for (const [args, meant] of cases) {
    const { code, err } = await bench.run(args);
    assertEquals(code, 2, err);
    asks(err, meant);
  }
});
