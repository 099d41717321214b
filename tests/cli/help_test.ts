import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCli } from "../../cli/app.ts";
import { helpPage } from "../../cli/help_pages.ts";
import { knownCommands } from "../../cli/known_commands.ts";
import { TestIo } from "./helpers.ts";

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
