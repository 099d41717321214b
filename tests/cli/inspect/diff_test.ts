import { assertEquals, assertMatch } from "@std/assert";
import { compareFields, compareReports } from "../../../cli/commands/inspect/diff.ts";
import { serverCommand } from "../helpers.ts";
import { openBench, runAlone } from "./_bench.ts";

Deno.test("cvm inspect diff tells in what a server differs from what it was, and from another one", async () => {
  await using bench = await openBench({ info: { name: "Bench" } });
  const server = bench.server.publicKey;
  const saved = await bench.run(["inspect", server, "--format", "json", "--pings", "0"]);
  const file = `${bench.folder}/saved.json`;
  await Deno.writeTextFile(file, saved.out);
  const same = await bench.run(["inspect", server, "diff", `@${file}`, "--check"]);
  assertEquals([same.code, same.out], [0, "no difference\n"], same.err);

  const report = JSON.parse(saved.out);
  report.tools[0].inputSchema.properties.count.type = "number\u001b[2J";
  report.tools[1].name = "renamed";
  await Deno.writeTextFile(file, JSON.stringify(report));
  const changed = await bench.run(["inspect", "diff", server, `@${file}`]);
  assertEquals(changed.code, 0, changed.err);
  assertEquals(
    changed.out,
    [
      "- tools count",
      "~ tools echo",
      '    inputSchema.properties.count.type: "integer" → "number\\u001b[2J"',
      "+ tools renamed",
      "",
    ].join("\n"),
  );
  const checked = await bench.run([
    "inspect",
    "diff",
    server,
    `@${file}`,
    "--check",
    "--format",
    "json",
  ]);
  assertEquals(checked.code, 5);
  assertEquals(JSON.parse(checked.err).error.code, "CHECK_FAILED");
  assertEquals(JSON.parse(checked.out).length, 3);

  const options = ["--relay", bench.relay.url, "--", ...serverCommand()];
  const other = await runAlone(["inspect", "--stdio", "diff", server, ...options], bench.folder);
  assertEquals(other.code, 0, other.err);
  assertMatch(other.out, /^~ server\n {4}name: "test-server" → "bench/m);
  assertMatch(other.out, /^\+ tools draw$/m);
});

Deno.test("compareReports() compares what both have, entry by entry", () => {
  const a = { name: "a", tools: [{ name: "x", v: 1 }, { name: "y" }], prices: [], supports: ["s"] };
  const b = { name: "b", tools: [{ v: 1, name: "x" }, { name: "z" }], supports: ["s", "t"] };
  assertEquals(compareReports(a, b), [
    { part: "name", change: "changed", fields: [{ path: "", a: "a", b: "b" }] },
    { part: "supports", name: "t", change: "added" },
    { part: "tools", name: "y", change: "removed" },
    { part: "tools", name: "z", change: "added" },
  ]);
});

Deno.test("compareFields() names the place, and takes any shape", () => {
  assertEquals(compareFields({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }), [
    { path: "a.1.b", a: 2, b: 3 },
  ]);
  assertEquals(compareFields({ a: {} }, { a: [] }), [{ path: "a", a: {}, b: [] }]);
  assertEquals(compareFields({ a: 1 }, {}), [{ path: "a", a: 1 }]);
  assertEquals(compareFields(JSON.parse('{"__proto__":1}'), {}).length, 1);
});
