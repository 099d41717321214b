import { assertEquals } from "@std/assert";
import { licensesOf } from "../../scripts/licenses.ts";
import { temporaryFolder } from "../cli/helpers.ts";

Deno.test("licensesOf() gathers the licence of each package in a bundle, once and by name", async () => {
  await using folder = await temporaryFolder();
  const npm = `${folder.path}/cache/npm/registry.npmjs.org`;
  const put = async (path: string, name: string, text: string) => {
    await Deno.mkdir(`${npm}/${path}`, { recursive: true });
    await Deno.writeTextFile(`${npm}/${path}/${name}`, text);
  };
  await put("@a/b/1.0.0", "LICENSE", "MIT of b\n");
  await put("c/2.0.0-rc.1", "license.md", "ISC of c");
  await put("d/3.0.0", "package.json", '{"license":"0BSD"}');
  await put("unused/1.0.0", "LICENSE", "not in the bundle");
  const bundle = `${folder.path}/bundle`;
  await Deno.mkdir(bundle);
  const origin = (path: string) => `// ../cache/npm/registry.npmjs.org/${path}\nx();\n`;
  await Deno.writeTextFile(`${bundle}/one.js`, origin("d/3.0.0/x.js") + origin("@a/b/1.0.0/y.js"));
  await Deno.writeTextFile(
    `${bundle}/two.js`,
    `  ${origin("c/2.0.0-rc.1/dist/x.js")}// cli/app.ts\n${origin("@a/b/1.0.0/z.js")}`,
  );
  await Deno.mkdir(`${folder.path}/project`);
  assertEquals(
    await licensesOf(bundle, `${folder.path}/project`),
    "@a/b 1.0.0\n\nMIT of b\n\n----\n\nc 2.0.0-rc.1\n\nISC of c\n\n----\n\nd 3.0.0\n\n0BSD\n\n----\n\n",
  );
});
