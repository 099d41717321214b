import { assert, assertEquals } from "@std/assert";
import { helpPage } from "../../cli/help_pages.ts";
import { namedCommand } from "../../cli/commands.ts";
import { findCommand, knownCommands } from "../../cli/known_commands.ts";
import { parseTime, seconds } from "../../cli/options.ts";

const OF_ALL = ["--format", "--log-level", "--quiet", "--config", "--print-config"];
const OF_NETWORK = [
  "--relay",
  "--key-file",
  "--password-file",
  "--encryption",
  "--gift-wrap",
  "--connect-timeout",
];

/** The commands by their first word, and what they are: `asks` something and ends, or `runs` until it is stopped. */
const COMMANDS: Readonly<Record<string, "asks" | "runs" | "local">> = {
  gateway: "runs",
  proxy: "asks",
  inspect: "asks",
  call: "asks",
  discover: "asks",
  review: "asks",
  announce: "asks",
  codegen: "asks",
  bench: "asks",
  relay: "local",
  keys: "local",
  config: "local",
};

Deno.test("each option that many commands have is the same in all of them", () => {
  /** What help says of an option, in one line; the default may differ. */
  const help = (path: readonly string[], name: string): string => {
    const page = helpPage([...path, "--help"], false) ?? "";
    const [, text = ""] = new RegExp(`^  ${name}([ ,/][^]*?)(?=^  -|^$|^\\S)`, "m").exec(page) ??
      [];
    return text.replace(/\[[^\]]*\]/g, "").replace(/\s+/g, " ").trim();
  };
  const said = new Map<string, string>();
  for (const { path, options } of knownCommands()) {
    const kind = COMMANDS[path[0] ?? ""];
    const names = options.map(({ name }) => name);
    const wanted = [
      ...OF_ALL,
      ...(kind === "local" ? [] : OF_NETWORK),
      ...(kind === "asks" ? ["--timeout"] : []),
    ];
    for (const name of wanted) assert(names.includes(name), `${path.join(" ")} has no ${name}`);
    assertEquals(names.includes("--timeout"), kind === "asks", path.join(" "));
    for (const name of wanted) {
      const text = help(path, name);
      assert(text !== "", `${path.join(" ")} ${name}`);
      if (name === "--timeout") {
        assert(/^SECONDS How long/.test(text), `${path.join(" ")}: ${text}`);
      } else assertEquals(text, said.get(name) ?? text, `${path.join(" ")} ${name}`);
      said.set(name, text);
    }
    assertEquals(names.length, new Set(names).size, `${path.join(" ")} has an option twice`);
  }
});

Deno.test("parseTime() reads seconds, and other units", () => {
  const cases: readonly (readonly [text: string, milliseconds: number | undefined])[] = [
    ["1", 1_000],
    ["0.25", 250],
    ["90s", 90_000],
    ["15m", 900_000],
    ["12h", 43_200_000],
    ["30d", 2_592_000_000],
    ["", undefined],
    ["1e3", undefined],
    ["-1", undefined],
    ["5 s", undefined],
    ["5w", undefined],
  ];
  for (const [text, milliseconds] of cases) assertEquals(parseTime(text), milliseconds, text);
  const parser = seconds();
  for (const text of ["0", "0.0001", "2d", "x"]) assertEquals(parser.parse(text).success, false);
  assertEquals(parser.parse("24h"), { success: true, value: 86_400_000 });
});

Deno.test("findCommand() knows each command without the others as knownCommands() does", () => {
  for (const known of knownCommands()) {
    assertEquals(findCommand([...known.path, "word", "--option"]), known);
    const names = namedCommand(known.path)?.usage.map((term) =>
      term.type === "command" && term.name
    );
    assertEquals(names?.[0], known.path[0]);
  }
  for (const word of ["", "--quiet", "toString", "cal"]) {
    assertEquals(findCommand([word]), undefined);
  }
});
