import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { progressText } from "../../../cli/commands/inspect/progress_bar.ts";
import { ESCAPE, openBench, PICTURE } from "./_bench.ts";

Deno.test("cvm inspect asks a server for anything, and says what was meant when it does not exist (F30)", async () => {
  await using bench = await openBench();
  const server = bench.server.publicKey;
  const cases: readonly (readonly [readonly string[], number, string])[] = [
    [[server, "tools"], 0, "echo(text: string"],
    [["tools", server], 0, "refuse()"],
    [[server, "resources"], 0, "test://one  one\n"],
    [[server, "templates"], 0, ""],
    [[server, "prompts"], 0, "greet(who, how?)\n"],
    [[server, "schema", "large"], 0, '"hash": "'],
    [[server, "read", "test://one"], 0, "content of it\n[test://one, about 21 bytes; --output"],
    [[server, "get", "greet", "who=Ada"], 0, "user: Hello Ada\n"],
    [[server, "complete", "greet", "who", "A"], 0, "Ada\nAnn\n"],
    [[server, "ping", "--pings", "3"], 0, "3 of 3 answered"],
    [[server, "raw", "tools/list", '{"cursor":"more"}'], 0, '"large"'],
    [[server, "raw", "notifications/roots/list_changed"], 0, ""],
    [[server, "raw", "no/such"], 5, ""],
    [[server, "call", "refuse"], 5, ""],
    [[server, "call", "fail"], 5, "this tool always fails\n"],
    [[server, "call", "ecco"], 2, ""],
    [[server, "tolls"], 2, ""],
    [[server, "complete", "greet"], 2, ""],
    [[server, "ping", "--json", "{}"], 2, ""],
    [[server, "raw", "ping", "[]"], 2, ""],
  ];
  for (const [words, code, text] of cases) {
    const result = await bench.run(["inspect", ...words]);
    assertEquals(result.code, code, `${words.join(" ")}: ${result.err}`);
    assertStringIncludes(result.out, text);
    assertEquals(`${result.out}${result.err}`.includes("\u001b"), false);
  }
  const lines = await bench.run(["inspect", server, "tools", "--format", "jsonl"]);
  assertEquals(lines.out.trim().split("\n").length, 7);
  for (
    const [words, meant] of [
      [["call", "ecco"], '"echo"'],
      [["tolls"], '"tools"'],
      [["call", "echo", "text=x", "mood=goood"], '"good"'],
    ] as const
  ) {
    const { err } = await bench.run(["inspect", server, ...words]);
    assertStringIncludes(err, `did you mean ${meant}?`);
  }
});

Deno.test("F31: the arguments of a call follow the tool's schema, also nested, from JSON, a file and standard input", async () => {
  await using bench = await openBench();
  const call = async (words: readonly string[], options: { stdin?: string } = {}) => {
    const result = await bench.run(
      ["inspect", bench.server.publicKey, "call", "echo", ...words],
      options,
    );
    return result.code === 0 ? JSON.parse(result.out) : `${result.code} ${result.err}`;
  };
  assertEquals(await call(["text=007", "count=007", "tags=3", "tags=4"]), {
    text: "007",
    count: 7,
    tags: [3, 4],
  });
  assertEquals(await call(["text=a=b", "who.name=12", "who.age=12", "tags:=[1]"]), {
    text: "a=b",
    who: { name: "12", age: 12 },
    tags: [1],
  });
  await Deno.writeTextFile(`${bench.folder}/call.json`, '{"text":"from a file","count":1}');
  assertEquals(await call(["--json", `@${bench.folder}/call.json`, "count=2"]), {
    text: "from a file",
    count: 2,
  });
  assertEquals(await call(["--json", "-"], { stdin: '{"text":"piped"}' }), { text: "piped" });
  // What is sent as JSON is sent as it is: the server has the word.
  assertEquals(await call(["--json", "{}"]), {});
  const refused: readonly (readonly [readonly string[], string])[] = [
    [[], "arguments are missing: text=… (string)"],
    [["txet=x"], 'did you mean "text"?'],
    [["text=x", "tags=many"], '"tags" must be integer'],
    [["text=x", "who.age=old"], '"who.age" must be integer'],
    [["text=x", "text=y"], "given twice"],
    [["text=x", "mood=fine"], "one of good, bad"],
    [["text=x", "tags.5=1"], "one after the other"],
    [["--json", "[]"], "one JSON object"],
    [["--json", "@/no/such/file"], "/no/such/file"],
  ];
  for (const [words, message] of refused) {
    const problem = await call(words);
    assert(typeof problem === "string" && problem.startsWith("2 "), String(problem));
    assertStringIncludes(problem, message);
  }
});

Deno.test("cvm inspect call writes binary content to files that were not there, under names of its own", async () => {
  await using bench = await openBench();
  const folder = `${bench.folder}/out`;
  const args = ["inspect", bench.server.publicKey, "call", "draw", "--output", folder];
  for (const first of [1, 2]) {
    const { code, out, err } = await bench.run([...args, "--format", "json"]);
    assertEquals(code, 0, err);
    const { content } = JSON.parse(out);
    assertEquals(content[1].file, `${folder}/draw-${first}.png`);
    assertEquals(content[1].data, undefined);
    assertEquals(content[2].resource.file, `${folder}/draw-${first + 1}.bin`);
    assertEquals(await Deno.readTextFile(content[1].file), atob(PICTURE));
  }
  const shown = await bench.run(args.slice(0, 4));
  assertStringIncludes(shown.out, "here\n[image image/png, about 21 bytes; --output DIR");
});

Deno.test("cvm inspect call prints a stream as it comes, a large result whole, and progress on a terminal alone", async () => {
  await using bench = await openBench();
  const call = (tool: string, ...more: string[]) =>
    bench.run(["inspect", bench.server.publicKey, "call", tool, ...more]);
  assertEquals((await call("count")).out, "one two three\ndone\n");
  assertEquals((await call("count", "--no-stream")).code, 5);
  const lines = (await call("count", "--format", "jsonl")).out.trim().split("\n");
  assertEquals(lines.map((line) => JSON.parse(line).chunk), [
    "one ",
    `two${ESCAPE} `,
    "three",
    undefined,
  ]);
  assertEquals(JSON.parse((await call("count", "--format", "json")).out).stream.length, 3);
  assertEquals((await call("large")).out.length, 300_001);
  assertEquals((await call("large", "--no-stream")).out.length, 300_001);
});

Deno.test("cvm inspect call draws progress on a terminal, and nowhere else", async () => {
  await using bench = await openBench();
  for (const terminal of [true, false]) {
    for (const stream of ["--stream", "--no-stream"]) {
      const args = ["inspect", bench.server.publicKey, "call", "steps", stream];
      const { code, out, err } = await bench.run(args, { terminal });
      assertEquals([code, out], [0, "done\n"], err);
      assertEquals(err.includes("50 %  half"), terminal, `${stream}: ${err}`);
      assertEquals(err.includes(ESCAPE), false);
    }
  }
});

Deno.test("progressText() draws a bar where the end is known", () => {
  assertEquals(progressText({ progress: 3, message: `x${ESCAPE}` }), "… 3  x");
  assertEquals(progressText({ progress: 1, total: 2 }), `${"█".repeat(12)}${"░".repeat(12)}  50 %`);
  assertEquals(progressText({ progress: 9, total: 2 }), `${"█".repeat(24)} 100 %`);
  assertEquals(progressText({ progress: 1, total: Number.NaN }), "… 1");
});
