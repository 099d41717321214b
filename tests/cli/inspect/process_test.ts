import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Bench, openBench } from "./_bench.ts";

const MAIN = new URL("../../../cli/main.ts", import.meta.url).pathname;
const PERMISSIONS = ["net", "read", "write", "env", "sys", "run"].map((name) => `--allow-${name}`);

/** Runs the program itself, with options of Deno. */
async function spawn(bench: Bench, args: readonly string[], options: readonly string[] = []) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      ...PERMISSIONS,
      ...options,
      MAIN,
      ...args,
      "--relay",
      bench.relay.url,
    ],
    env: { XDG_CONFIG_HOME: bench.folder, CVM_COMPLETE_CACHE: "off" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("the program calls, discovers and examines, and ends with the code that says how it went", async () => {
  await using bench = await openBench({ info: { name: "Bench" }, announce: true });
  const server = bench.server.publicKey;
  const cases: readonly (readonly [readonly string[], number, RegExp, RegExp])[] = [
    [["call", server, "echo", "text=007"], 0, /^\{"text":"007"\}\n$/, /^$/],
    [["call", server, "fail"], 5, /always fails/, /reports an error/],
    [["inspect", server, "doctor"], 0, /^ok +server /m, /^$/],
    [["discover", "--format", "jsonl"], 0, /^\{.*"name":"Bench".*\}\n$/, /^$/],
    [["review", server], 0, /nobody has said/, /^$/],
    [["announce", "show", server], 0, /^kind 11316/, /^$/],
  ];
  for (const [args, code, out, err] of cases) {
    const result = await spawn(bench, args);
    assertEquals(result.code, code, `${args.join(" ")}: ${result.err}`);
    assertMatch(result.out, out);
    assertMatch(result.err, err);
  }
});

Deno.test("cvm call loads nothing that only other commands need", async () => {
  await using bench = await openBench();
  const folder = `${bench.folder}/coverage`;
  const { code, err } = await spawn(bench, ["call", bench.server.publicKey, "echo", "text=1"], [
    `--coverage=${folder}`,
  ]);
  assertEquals(code, 0, err);
  const loaded: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    // Deno writes one file for each module.
    const [, url] = /"url":\s*"([^"]+)"/.exec(await Deno.readTextFile(`${folder}/${name}`)) ?? [];
    if (url !== undefined) loaded.push(url);
  }
  assert(loaded.some((url) => url.endsWith("/cli/commands/call/action.ts")));
  const foreign =
    /\/(commands\/(?!call\/|inspect\/)\w+\/action|child_\w+|http_upstream|servers_file|json_document|transport\/(server|gateway|proxy))\.ts$|\/(dotenv|jsonc-parser|prom-client)\//;
  assertEquals(loaded.filter((url) => foreign.test(url)), []);
});
