/**
 * Makes executables of `cvm`:
 *
 *     deno task compile                          # dist/cvm, for this machine
 *     deno task compile --all                    # dist/cvm-VERSION-TARGET for every target
 *     deno task compile linux-x64 macos-arm64    # for these
 *
 * With targets, `dist/SHA256SUMS` gets their check sums; `dist/LICENSES.txt` has
 * the licences of the packages in them, to be handed on. The program is bundled
 * first, so that an executable holds what the program runs and no package as a
 * whole. `CVM_COMPILE_DENO` names the Deno that compiles, `DENORT_BIN` its
 * runtime base for this machine, where the running Deno can't fetch its own.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { VERSION } from "../cli/version.ts";
import config from "../deno.json" with { type: "json" };
import { licensesOf } from "./licenses.ts";

/** The targets by the names that the files get, as Deno calls them. */
export const TARGETS: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-gnu",
  "linux-arm64": "aarch64-unknown-linux-gnu",
  "macos-x64": "x86_64-apple-darwin",
  "macos-arm64": "aarch64-apple-darwin",
  "windows-x64": "x86_64-pc-windows-msvc",
  "windows-arm64": "aarch64-pc-windows-msvc",
};

/** What the executable may do: all that some command needs, and no more. */
const PERMISSIONS = ["net", "read", "write", "env", "run", "ffi"];

/** Packages that read a file beside their modules, and can't be bundled for it; they are embedded whole. */
const EMBEDDED: readonly (keyof typeof config.imports)[] = ["tiny-secp256k1"];

const CHECK_SUMS = "SHA256SUMS";

/** `main.ts` loads `app.ts` by a specifier that Deno can't follow. */
const ENTRIES = ["cli/main.ts", "cli/app.ts"];

/** `cli/crypto/choose_engine.ts` starts it by its URL, which then is beside the chunk that holds it. */
const WORKER = "cli/crypto/_worker.ts";
const WORKER_FILE = "_worker.ts";

/** How a failure begins that comes from the network, or the lack of one. */
export const UNFETCHED = "the runtime base can't be fetched";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));

/** How a run of Deno ended. */
export interface DenoResult {
  /** Whether it did what it should. */
  readonly success: boolean;
  /** What it printed on standard error, without colours. */
  readonly message: string;
}

/** What {@linkcode compile} works with. */
export interface CompileOptions {
  /** The folder for the executables; made when it is not there. */
  readonly folder: string;
  /** The targets, by their names in {@linkcode TARGETS}; without any, this machine is the target. */
  readonly targets?: readonly string[];
  /** The Deno that compiles. @default The running one. */
  readonly compiler?: string;
  /** The runtime base of this machine that is used, where it is not fetched. */
  readonly runtimeBase?: string;
  /** Runs a Deno in the project's folder. @default As a process. */
  readonly run?: (deno: string, args: readonly string[]) => Promise<DenoResult>;
}

/** What has become of the targets. */
export interface Compiled {
  /** The files that were made. */
  readonly files: readonly string[];
  /** Why others were not, by target. */
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * Bundles the program and makes an executable for each target. A target that
 * can't be made stands in no other's way.
 *
 * @throws {TypeError} When there is no such target.
 * @throws {Error} When the program can't be bundled.
 */
export async function compile(options: CompileOptions): Promise<Compiled> {
  const { folder, targets = [], compiler = Deno.execPath(), run = runDeno } = options;
  const unknown = targets.filter((target) => !Object.hasOwn(TARGETS, target));
  if (unknown.length > 0) {
    const known = Object.keys(TARGETS).join(", ");
    throw new TypeError(`There is no target ${unknown.join(", ")}, only ${known}`);
  }
  const files: string[] = [];
  const failures = new Map<string, string>();
  await Deno.mkdir(folder, { recursive: true });
  if (targets.length > 0) await removeIfThere(`${folder}/${CHECK_SUMS}`);
  const bundle = await Deno.makeTempDir({ dir: folder, prefix: ".bundle-" });
  try {
    await bundleInto(bundle, run);
    await Deno.writeTextFile(`${folder}/LICENSES.txt`, await licensesOf(bundle, PROJECT));
    for (const target of targets.length > 0 ? targets : [undefined]) {
      const file = `${folder}/${fileName(target)}`;
      const problem = options.runtimeBase !== undefined && isForeign(target)
        ? "DENORT_BIN is the runtime base of this machine; unset it to have Deno fetch the right one"
        : await compileOne(bundle, { target, file, compiler, run });
      if (problem === undefined) files.push(file);
      else failures.set(target ?? "this machine", problem);
    }
    if (targets.length > 0 && files.length > 0) await writeCheckSums(folder, files);
  } finally {
    await Deno.remove(bundle, { recursive: true });
  }
  return { files, failures };
}

/** The name of an executable; the one for this machine has neither version nor target. */
function fileName(target?: string): string {
  const name = target === undefined ? "cvm" : `cvm-${VERSION}-${target}`;
  const isWindows = target === undefined
    ? Deno.build.os === "windows"
    : target.startsWith("windows-");
  return isWindows ? `${name}.exe` : name;
}

function isForeign(target?: string): boolean {
  return target !== undefined && TARGETS[target] !== Deno.build.target;
}

/** The program as modules without types and packages, and a configuration that knows what is left outside. */
async function bundleInto(
  folder: string,
  run: NonNullable<CompileOptions["run"]>,
): Promise<void> {
  const external = EMBEDDED.map((name) => `--external=${name}`);
  const { success, message } = await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--code-splitting",
    ...external,
    `--outdir=${folder}`,
    ...ENTRIES,
  ]);
  if (!success) {
    const isOld = /^2\.[0-4]\./.test(Deno.version.deno);
    const hint = isOld ? ` (Deno ${Deno.version.deno}; \`deno bundle\` needs 2.5 or newer)` : "";
    throw new Error(`The program can't be bundled${hint}: ${message}`);
  }
  const worker = await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    ...external,
    `--output=${folder}/${WORKER_FILE}`,
    WORKER,
  ]);
  if (!worker.success) throw new Error(`The crypto worker can't be bundled: ${worker.message}`);
  const imports = Object.fromEntries(EMBEDDED.map((name) => [name, config.imports[name]]));
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
}

/** Makes one executable. @returns Why it could not be made; `undefined` when it was. */
async function compileOne(
  bundle: string,
  { target, file, compiler, run }: {
    readonly target?: string;
    readonly file: string;
    readonly compiler: string;
    readonly run: NonNullable<CompileOptions["run"]>;
  },
): Promise<string | undefined> {
  const { success, message } = await run(compiler, [
    "compile",
    "--quiet",
    "--no-check",
    "--no-lock",
    `--config=${bundle}/deno.json`,
    ...PERMISSIONS.map((name) => `--allow-${name}`),
    ...(target === undefined ? [] : [`--target=${TARGETS[target]}`]),
    `--include=${bundle}/app.js`,
    `--include=${bundle}/${WORKER_FILE}`,
    `--output=${file}`,
    `${bundle}/main.js`,
  ]);
  return success ? undefined : explain(message);
}

/** Says in one line when Deno failed for want of its runtime base. */
function explain(message: string): string {
  const reason = message.split("\n").find((line) => /dl\.deno\.land|denort/i.test(line));
  if (reason === undefined) return message;
  const where = "DENORT_BIN can name one that is there, for this machine";
  return `${UNFETCHED}: ${reason.replace(/^\s*\d+: /, "").trim()}; ${where}`;
}

/** Writes down the check sums as `sha256sum -c` reads them. */
async function writeCheckSums(folder: string, files: readonly string[]): Promise<void> {
  let sums = "";
  for (const file of files) {
    const digest = createHash("sha256").update(await Deno.readFile(file)).digest("hex");
    sums += `${digest}  ${file.slice(folder.length + 1)}\n`;
  }
  await Deno.writeTextFile(`${folder}/${CHECK_SUMS}`, sums);
}

async function removeIfThere(file: string): Promise<void> {
  try {
    await Deno.remove(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function runDeno(deno: string, args: readonly string[]): Promise<DenoResult> {
  const { success, stderr } = await new Deno.Command(deno, {
    args: [...args],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const [message = ""] = new TextDecoder().decode(stderr).split("\n\nStack backtrace:");
  return { success, message: message.replace(/^error: /, "").trim() };
}

if (import.meta.main) {
  const targets = Deno.args.includes("--all") ? Object.keys(TARGETS) : Deno.args;
  try {
    const { files, failures } = await compile({
      folder: "dist",
      targets,
      compiler: Deno.env.get("CVM_COMPILE_DENO"),
      runtimeBase: Deno.env.get("DENORT_BIN"),
    });
    for (const file of files) console.log(file);
    for (const [target, problem] of failures) console.error(`${target}: ${problem}`);
    if (failures.size > 0) {
      console.error(`failed: ${[...failures.keys()].join(", ")}`);
      Deno.exitCode = 1;
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = error instanceof TypeError ? 2 : 1;
  }
}
