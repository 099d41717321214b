/**
 * Proves that `crypto/` and `transport/` are pure web standard: they type-check
 * without any of Deno's or Node's own types, and import nothing of theirs. Nor
 * do they say `using`, which Node 22 and some browsers can't read.
 */
const FOLDERS = ["crypto", "transport"];
const FOREIGN =
  /\bDeno\.|from "node:|import\("node:|\bprocess\.|\bBuffer\b|from "jsr:|from "npm:|\busing \w+ = /;

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

const files: string[] = ["errors.ts", "mod.ts"];
for (const folder of FOLDERS) files.push(...await Array.fromAsync(sources(folder)));

let failed = false;
for (const file of files) {
  const lines = (await Deno.readTextFile(file)).split("\n");
  for (const [index, line] of lines.entries()) {
    const isComment = /^\s*(\*|\/\/|\/\*)/.test(line);
    if (isComment || !FOREIGN.test(line)) continue;
    console.error(`${file}:${index + 1}: not web standard: ${line.trim()}`);
    failed = true;
  }
}

const { imports } = JSON.parse(await Deno.readTextFile("deno.json"));
const config = await Deno.makeTempFile({ prefix: "cvm-web-", suffix: ".json" });
try {
  const external = Object.fromEntries(
    Object.entries<string>(imports).filter(([, target]) => target.startsWith("npm:")),
  );
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      imports: external,
      compilerOptions: { lib: ["dom", "dom.iterable", "dom.asynciterable", "esnext"] },
    }),
  );
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--no-lock", "--config", config, ...files],
  }).spawn().status;
  if (!success) failed = true;
} finally {
  await Deno.remove(config);
}
if (!failed) console.log(`${files.length} files are web standard`);
Deno.exit(failed ? 1 : 0);
