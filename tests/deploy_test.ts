import { assert, assertEquals, assertMatch } from "@std/assert";
import { runCli } from "../cli/app.ts";
import { TestIo } from "./cli/helpers.ts";

const PROJECT = new URL("..", import.meta.url);

async function read(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, PROJECT));
}

/** Whether `cvm` takes a command line; nothing is started. */
async function assertTaken(args: readonly string[]): Promise<void> {
  const io = new TestIo();
  assertEquals(await runCli([...args, "--print-config"], io), 0, `${args.join(" ")}: ${io.err}`);
}

Deno.test("deploy/Dockerfile starts the gateway with options that there are", async () => {
  const file = await read("deploy/Dockerfile");
  const [entryPoint = "[]"] = /(?<=^ENTRYPOINT ).*$/m.exec(file) ?? [];
  const words: readonly string[] = JSON.parse(entryPoint);
  const main = words.indexOf("/app/cli/main.ts");
  await assertTaken([...words.slice(main + 1), "--servers", "/servers.json"]);
  const [port] = /(?<=127\.0\.0\.1:)\d+(?=\/readyz)/.exec(file) ?? [];
  assertEquals(words[words.indexOf("--health") + 1], port, "the health check asks the gateway");
  const { tasks } = JSON.parse(await read("deno.json"));
  const allowed = words.filter((word) => word.startsWith("--allow-"));
  for (const permission of allowed) assert(tasks.gateway.command.includes(permission), permission);
});

Deno.test(".dockerignore lets in what the gateway imports, and nothing else", async () => {
  const lines = (await read(".dockerignore")).split("\n").filter((line) => /^[*!]/.test(line));
  assertEquals(lines[0], "*");
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "cli/app.ts"],
    cwd: PROJECT,
    stderr: "null",
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const own = (modules as { specifier: string }[]).flatMap(({ specifier }) =>
    specifier.startsWith(PROJECT.href)
      ? specifier.slice(PROJECT.href.length).split("/").slice(0, 1)
      : []
  );
  const wanted = [...new Set([...own, "deno.json", "deno.lock"])].sort();
  assertEquals(lines.slice(1).map((line) => line.slice(1)).sort(), wanted);
});

Deno.test("deploy/cvm.service starts the gateway with options that there are", async () => {
  const unit = await read("deploy/cvm.service");
  const [command = ""] = /(?<=^ExecStart=).*$/m.exec(unit) ?? [];
  const [program, ...args] = command.split(" ");
  assertEquals(program, "/usr/local/bin/cvm");
  await assertTaken(args);
  assertMatch(unit, /^KillMode=mixed$/m);
});
