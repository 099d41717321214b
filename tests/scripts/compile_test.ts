import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { VERSION } from "../../cli/version.ts";
import { compile, type DenoResult, TARGETS, UNFETCHED } from "../../scripts/compile.ts";
import { temporaryFolder } from "../cli/helpers.ts";

const DONE: DenoResult = { success: true, message: "" };

/** What Deno says where its download host is out of reach. */
const NO_HOST: DenoResult = {
  success: false,
  message: `Writing deno compile executable to temporary file 'dist/cvm.tmp-0'

Caused by:
    0: Setting up base binary.
    1: error sending request for url (https://dl.deno.land/release/v2.9.6/denort-x.zip): dns error
    2: client error (Connect)`,
};

/** A Deno that writes the target's name instead of an executable, but for the targets that fail. */
function fakeDeno(failing: Readonly<Record<string, DenoResult>> = {}) {
  const runs: (readonly string[])[] = [];
  const run = async (deno: string, args: readonly string[]): Promise<DenoResult> => {
    runs.push([deno, ...args]);
    const value = (option: string) =>
      args.find((arg) => arg.startsWith(`${option}=`))?.slice(option.length + 1);
    const target = value("--target") ?? "";
    if (failing[target]) return failing[target];
    if (args[0] === "compile") await Deno.writeTextFile(value("--output") ?? "", target);
    return DONE;
  };
  return { run, runs };
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).sort();
}

Deno.test("compile() makes one executable for this machine, and no check sums", async () => {
  await using folder = await temporaryFolder();
  const { run, runs } = fakeDeno();
  const { files, failures } = await compile({ folder: folder.path, compiler: "other-deno", run });
  const name = Deno.build.os === "windows" ? "cvm.exe" : "cvm";
  assertEquals([files, failures.size], [[`${folder.path}/${name}`], 0]);
  assertEquals(await namesIn(folder.path), ["LICENSES.txt", name], "nothing else is left behind");
  assertEquals(runs.map(([deno, command]) => [deno, command]), [
    [Deno.execPath(), "bundle"],
    [Deno.execPath(), "bundle"],
    ["other-deno", "compile"],
  ]);
  assert(
    runs[1]?.includes("cli/crypto/_worker.ts"),
    "the crypto worker is that of the command line",
  );
  assert(
    runs[2]?.some((arg) => /^--include=.*_worker\.ts$/.test(arg)),
    "the crypto worker is in it",
  );
  const allowed = runs[2]?.filter((arg) => arg.startsWith("--allow-")).sort();
  const names = ["env", "ffi", "net", "read", "run", "write"];
  assertEquals(allowed, names.map((permission) => `--allow-${permission}`));
});

Deno.test("compile() names files by version and target, and lists their check sums", async () => {
  await using folder = await temporaryFolder();
  const { run } = fakeDeno();
  const { files } = await compile({ folder: folder.path, targets: Object.keys(TARGETS), run });
  const names = Object.keys(TARGETS).map((target) =>
    `cvm-${VERSION}-${target}${target.startsWith("windows") ? ".exe" : ""}`
  );
  assertEquals(files, names.map((name) => `${folder.path}/${name}`));
  const sums = Object.values(TARGETS).map((triple, index) =>
    `${createHash("sha256").update(triple).digest("hex")}  ${names[index]}\n`
  );
  assertEquals(await Deno.readTextFile(`${folder.path}/SHA256SUMS`), sums.join(""));
});

Deno.test({
  name: "compile() writes check sums that sha256sum accepts",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using folder = await temporaryFolder();
    const { run } = fakeDeno();
    await compile({ folder: folder.path, targets: ["linux-x64", "windows-x64"], run });
    const { success } = await new Deno.Command("sha256sum", {
      args: ["--strict", "-c", "SHA256SUMS"],
      cwd: folder.path,
      stdout: "null",
    }).output();
    assert(success);
  },
});

Deno.test("compile() makes the other targets when one fails, and says why it did", async () => {
  await using folder = await temporaryFolder();
  const { run } = fakeDeno({
    [TARGETS["macos-x64"] ?? ""]: NO_HOST,
    [TARGETS["windows-arm64"] ?? ""]: { success: false, message: "invalid value for --target" },
  });
  const targets = ["macos-x64", "windows-arm64", "linux-x64"];
  const { files, failures } = await compile({ folder: folder.path, targets, run });
  assertEquals(files, [`${folder.path}/cvm-${VERSION}-linux-x64`]);
  assertEquals([...failures.keys()], ["macos-x64", "windows-arm64"]);
  assertEquals(
    failures.get("macos-x64"),
    `${UNFETCHED}: error sending request for url ` +
      "(https://dl.deno.land/release/v2.9.6/denort-x.zip): dns error; " +
      "DENORT_BIN can name one that is there, for this machine",
  );
  assertEquals(failures.get("windows-arm64"), "invalid value for --target");
  const sums = await Deno.readTextFile(`${folder.path}/SHA256SUMS`);
  assertMatch(sums, /^[0-9a-f]{64} {2}cvm-\S+-linux-x64\n$/);
});

Deno.test("compile() leaves no check sums of an earlier run when nothing could be made", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/SHA256SUMS`, "old");
  const { run } = fakeDeno({ [TARGETS["linux-x64"] ?? ""]: NO_HOST });
  const { files } = await compile({ folder: folder.path, targets: ["linux-x64"], run });
  assertEquals([files, await namesIn(folder.path)], [[], ["LICENSES.txt"]]);
});

Deno.test("compile() does not put the runtime base of this machine under another target", async () => {
  await using folder = await temporaryFolder();
  const { run, runs } = fakeDeno();
  const own = Object.keys(TARGETS).find((target) => TARGETS[target] === Deno.build.target);
  const foreign = Object.keys(TARGETS).find((target) => target !== own) ?? "";
  const targets = own === undefined ? [foreign] : [foreign, own];
  const options = { folder: folder.path, targets, runtimeBase: "/denort", run };
  const { failures } = await compile(options);
  assertEquals([...failures.keys()], [foreign]);
  assertMatch(failures.get(foreign) ?? "", /DENORT_BIN/);
  assertEquals(runs.length, targets.length + 1, "two bundles, and this machine's");
});

Deno.test("compile() refuses a target that is none, and fails when the bundle does", async () => {
  await using folder = await temporaryFolder();
  const { run, runs } = fakeDeno();
  const unknown = { folder: folder.path, targets: ["linux-x64", "beos"], run };
  await assertRejects(() => compile(unknown), TypeError, "no target beos, only linux-x64");
  assertEquals(runs.length, 0);
  const broken = () => Promise.resolve({ success: false, message: "no such module" });
  await assertRejects(
    () => compile({ folder: folder.path, run: broken }),
    Error,
    "no such module",
  );
  assertEquals(await namesIn(folder.path), []);
});
