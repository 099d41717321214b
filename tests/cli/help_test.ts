import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCli } from "../../cli/app.ts";
import { helpPage } from "../../cli/help_pages.ts";
import { knownCommands } from "../../cli/known_commands.ts";
import { manPage } from "../../cli/man_page.ts";
import { MAIN_COMMANDS, overview } from "../../cli/overview.ts";
import { temporaryFolder, TestIo } from "./helpers.ts";

Deno.test("helpPage() shows for each command what its parser says, with colours and without", async () => {
  const commands = knownCommands().map(({ path }) => path);
  const groups = commands.map(([first = ""]) => [first]);
  for (const path of [[], ...groups, ...commands]) {
    const io = new TestIo();
    assertEquals(await runCli([...path, "--help"], io), 0);
    // Where this fails: deno task cli-docs
    assertEquals(helpPage([...path, "--help"], false), io.out, path.join(" "));
    assertStringIncludes(helpPage([...path, "--help"], true) ?? "", "\u001b[");
    assertEquals(helpPage(["help", ...path], false), io.out);
    const short = new TestIo();
    assertEquals(await runCli([...path, "-h"], short), 0);
    assertEquals(short.out, path.length === 0 ? overview(false) : io.out);
  }
  for (
    const args of [[], ["gatway", "--help"], ["constructor", "--help"], ["gateway"], [
      "--",
      "--help",
    ]]
  ) {
    assertEquals(helpPage(args, false), undefined);
  }
});

Deno.test("every option of every command says in --help what it is for", async () => {
  for (const { path, options } of knownCommands()) {
    const page = helpPage([...path, "--help"], false) ?? "";
    for (const { name } of options) {
      assert(new RegExp(`^  ${name}[ ,/][^\\n]*\\w`, "m").test(page), `${path.join(" ")} ${name}`);
    }
  }
  await Promise.resolve();
});

Deno.test("cvm --help is one screen: the three main commands first, with examples, then every other one", () => {
  const lines = overview(false).trimEnd().split("\n");
  assert(lines.length <= 24, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= 80, line);
  const main = Object.entries(MAIN_COMMANDS).flatMap(([name, example]) => [name, example]);
  assertEquals(
    lines.slice(1, 7).map((line, at) => at % 2 === 0 ? line.trim().split(" ")[0] : line.trim()),
    main,
  );
  const shown = lines.flatMap((line) => /^ {2}([a-z]+) +(\S.*)$/.exec(line)?.[1] ?? []);
  const commands = new Set(knownCommands().map(({ path }) => path[0] ?? ""));
  assertEquals(shown.toSorted(), [...commands, "help", "completion"].toSorted());
  for (const code of [0, 1, 2, 3, 4, 5, 6, 130]) {
    assert(new RegExp(`^(Exit codes:)?.*\\b${code} [a-z]`, "m").test(lines.slice(-3).join("\n")));
  }
  assertStringIncludes(lines.at(-1) ?? "", "docs/CLI.md");
  // deno-lint-ignore no-control-regex
  assertEquals(overview(true).replace(/\u001b\[\d*m/g, ""), overview(false));
});

Deno.test("cvm help --full shows the pages of all commands", async () => {
  for (const args of [["help", "--full"], ["--help", "--full"]]) {
    const io = new TestIo();
    assertEquals(await runCli(args, io), 0);
    assertEquals(helpPage(args, false), io.out);
    assert(io.out.startsWith(overview(false)));
    for (const { path } of knownCommands()) {
      assertStringIncludes(io.out, helpPage([...path, "--help"], false) ?? "nothing");
    }
  }
});

Deno.test("cvm help --man prints a manual page of every command and option", async () => {
  const io = new TestIo();
  assertEquals(await runCli(["help", "--man"], io), 0);
  assertEquals(io.out, manPage());
  const lines = io.out.trimEnd().split("\n");
  assertEquals(lines[0]?.startsWith(".TH CVM 1 "), true);
  const requests = new Set(lines.flatMap((line) => /^[.'](\S*)/.exec(line)?.[1] ?? []));
  const known = ["TH", "nh", "ad", "SH", "B", "I", "TP", "RS", "nf", "fi", "RE", "SS", "PP"];
  assertEquals([...requests].filter((name) => !known.includes(name)), []);
  // What is no request and no escape is text, of ASCII alone.
  for (const line of lines) assert(/^[ -~]*$/.test(line) && !/\\(?![-e&f[])/.test(line), line);
  const plain = io.out.replaceAll("\\-", "-");
  for (const { path, options } of knownCommands()) {
    assertStringIncludes(plain, `.SS cvm ${path.join(" ")}\n`);
    for (const { names } of options) {
      for (const name of names) assert(new RegExp(`^\\\\fB.*${name}\\b`, "m").test(plain), name);
    }
  }
});

for (
  const [program, ...args] of [
    ["groff", "-man", "-Tutf8", "-ww"],
    ["man", "--warnings=w", "-l"],
  ]
) {
  Deno.test(`${program} has nothing to say against the manual page`, async () => {
    await using folder = await temporaryFolder();
    await Deno.writeTextFile(`${folder.path}/cvm.1`, manPage());
    const command = new Deno.Command(program ?? "", { args: [...args, `${folder.path}/cvm.1`] });
    try {
      const { success, stderr } = await command.output();
      assertEquals([success, new TextDecoder().decode(stderr)], [true, ""]);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      console.log(`SKIPPED: ${program} is not installed`);
    }
  });
}
