import { assertEquals, assertMatch } from "@std/assert";
import { type Bench, openBench } from "./_bench.ts";

const MAIN = new URL("../../../cli/main.ts", import.meta.url).pathname;
const PERMISSIONS = ["net", "read", "write", "env", "sys", "run"].map((name) => `--allow-${name}`);

/** Runs the program itself. */
async function spawn(bench: Bench, args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      ...PERMISSIONS,
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
