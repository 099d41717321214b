import { assertEquals } from "@std/assert";

/** The modules that an entry loads: those of this package by path, the others by name. */
async function modulesOf(entry: string): Promise<readonly string[]> {
  const root = new URL("../../", import.meta.url);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, root).href],
    stdout: "piped",
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  return modules.map(({ specifier }: { specifier: string }) => specifier.replace(root.href, ""));
}

Deno.test("the entry of clients loads nothing of servers, of searches, of workers or of common schemas", async () => {
  const foreign =
    /canonicalize|listener|announcer|discover\.ts|common_schema|schema_decorator|crypto\/_?worker/;
  const client = await modulesOf("transport/client.ts");
  assertEquals(client.filter((module) => foreign.test(module)), []);
  const all = await modulesOf("transport/mod.ts");
  assertEquals(new Set(all.map((module) => foreign.exec(module)?.[0])).size, 7);
});
