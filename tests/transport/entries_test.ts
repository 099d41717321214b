import { assert, assertEquals } from "@std/assert";
import { bundledKb, CLIENT_BUDGET_KB } from "../../bench/bundle.ts";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);

/** What a client has no use for, as it stands in the addresses of modules. */
const FOREIGN = [
  "/@modelcontextprotocol/",
  "/canonicalize@",
  "cli/",
  "crypto/workers.ts",
  "discovery/announcer.ts",
  "discovery/common_schema.ts",
  "discovery/discover.ts",
  "discovery/schema_decorator.ts",
  "session/hub.ts",
  "session/listener.ts",
  "session/local_session.ts",
  "session/server_session.ts",
  "transport/combine/",
  "transport/gateway",
  "transport/proxy.ts",
  "transport/server.ts",
  "transport/testing/",
];

/** What would also be foreign, but is not there (yet). */
const ABSENT = ["payment"];

/** The modules that an entry loads: those of this package by path, the others by name. */
async function modulesOf(entry: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, ROOT).href],
    stdout: "piped",
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  return modules.map(({ specifier }: { specifier: string }) => specifier.replace(ROOT.href, ""));
}

/** Those of `parts` that stand in the address of a module. */
function partsIn(modules: readonly string[], parts: readonly string[]): readonly string[] {
  return parts.filter((part) => modules.some((module) => module.includes(part)));
}

Deno.test("the entry of clients loads nothing of servers, gateways, searches, workers, payments, the command line or the MCP SDK", async () => {
  assertEquals(partsIn(await modulesOf("transport/client.ts"), [...FOREIGN, ...ABSENT]), []);
  // Elsewhere all of that is loaded: none of it goes by another name by now.
  const others = [...await modulesOf("cli/app.ts"), ...await modulesOf("transport/testing/mod.ts")];
  assertEquals(partsIn(others, FOREIGN), FOREIGN);
});

Deno.test("each entry of the package can be imported without any permission", async () => {
  for (const [name, path] of Object.entries(config.exports)) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-check", "-"],
      cwd: ROOT,
      stdin: "piped",
      stderr: "piped",
    }).spawn();
    const program = ReadableStream.from([`import "${new URL(path, ROOT)}";`]);
    await program.pipeThrough(new TextEncoderStream()).pipeTo(child.stdin);
    const { success, stderr } = await child.output();
    assert(success, `${name}: ${new TextDecoder().decode(stderr)}`);
  }
});

const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);

Deno.test({
  name: "the entry of clients keeps within its budget as a bundle (needs Deno 2.5)",
  ignore: major === 2 && minor < 5,
  fn: async () => {
    const kb = await bundledKb("transport/client.ts");
    assert(kb > 10 && kb <= CLIENT_BUDGET_KB, `it has ${kb.toFixed(1)} KB of ${CLIENT_BUDGET_KB}`);
  },
});
