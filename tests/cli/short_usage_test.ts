import { assertEquals } from "@std/assert";
import { helpPage } from "../../cli/help_pages.ts";
import { withShortLines } from "../../cli/short_usage.ts";

Deno.test("--help begins with one line for each command, in which [OPTIONS] stands for all that may be left out", () => {
  const usage = (path: string) =>
    /^Usage: ([^]*?)\n\n/m.exec(helpPage([...path.split(" "), "--help"], false) ?? "")?.[1]
      ?.split(/\n +/);
  assertEquals(usage("call"), ["cvm call [OPTIONS] SERVER TOOL [KEY=VALUE...]"]);
  assertEquals(usage("keys show"), ["cvm keys show [OPTIONS] [NPUB]"]);
  assertEquals(usage("config"), [
    "cvm config show [OPTIONS] [COMMAND...]",
    "cvm config path [OPTIONS]",
    "cvm config set [OPTIONS] KEY VALUE...",
    "cvm config unset [OPTIONS] KEY",
  ]);
});

Deno.test("withShortLines() leaves options that must be there, and what parsers read", () => {
  const needed = { type: "option", names: ["--key"], metavar: "KEY" } as const;
  const terms = [
    { type: "command", name: "go" },
    { type: "optional", terms: [{ type: "option", names: ["--fast"] }] },
    needed,
    { type: "argument", metavar: "WHERE" },
  ] as const;
  const [command, ...rest] = withShortLines(terms);
  assertEquals(rest, terms.slice(1));
  assertEquals(
    command?.type === "command" && typeof command.usageLine === "function" &&
      command.usageLine(rest),
    [{ type: "literal", value: "[OPTIONS]" }, needed, terms[3]],
  );
});
