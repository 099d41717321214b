/**
 * What all groups of the benchmark work with: how long to measure, and programs for each runtime.
 *
 * @module
 */
import type { Variant } from "./task.ts";

const PERMISSIONS = [
  "--allow-net=127.0.0.1",
  "--allow-env",
  "--allow-read",
  "--allow-sys",
  "--allow-ffi",
];
/** The first Node.js with the globals that both need: a WebSocket, and ours `Promise.withResolvers()`. */
const OLDEST_NODE = 22;

/** A command line. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A group of measurements. */
export interface Group {
  /** Its name on the command line. */
  readonly name: string;
  /** What it measures, as Markdown. */
  readonly about: string;
  /** Measures; returns Markdown. */
  run(workbench: Workbench): Promise<string>;
}

/** Settings of a run. */
export interface WorkbenchOptions {
  /** Whether it is only to be seen that all of it works. */
  readonly quick: boolean;
  /** Names of the relays that are wanted; empty for all. */
  readonly relays: readonly string[];
}

/** Bundles programs for Node.js, and keeps them until the end. */
export class Workbench implements AsyncDisposable {
  readonly options: WorkbenchOptions;
  /** The version of the Node.js in the path; empty without one. */
  readonly nodeVersion: string;
  readonly #bundles = new Map<string, Promise<string>>();
  readonly #folder: string;

  private constructor(options: WorkbenchOptions, folder: string, nodeVersion: string) {
    this.options = options;
    this.#folder = folder;
    this.nodeVersion = nodeVersion;
  }

  /** Looks what there is. */
  static async open(options: WorkbenchOptions): Promise<Workbench> {
    const folder = await Deno.makeTempDir({ prefix: "cvm-bench-" });
    return new Workbench(options, folder, await findNode());
  }

  /** How often to measure: every number is the median of so many. */
  get rounds(): number {
    return this.options.quick ? 1 : 3;
  }

  /** One of two numbers: for a quick run, or for a real one. */
  size(quick: number, real: number): number {
    return this.options.quick ? quick : real;
  }

  /** Those of some variants that can run here. */
  runnable(variants: readonly Variant[]): readonly Variant[] {
    const major = Number.parseInt(this.nodeVersion.slice(1));
    return variants.filter(({ runtime }) => runtime === "deno" || major >= OLDEST_NODE);
  }

  /** Says on standard error what is being done. */
  say(text: string): void {
    console.error(`${new Date().toTimeString().slice(0, 8)}  ${text}`);
  }

  /** The command that runs a module on a runtime. */
  async commandFor(
    runtime: "deno" | "node",
    module: URL,
    ...args: readonly string[]
  ): Promise<Command> {
    if (runtime === "node") {
      return { program: "node", args: ["--expose-gc", await this.#bundle(module), ...args] };
    }
    const options = ["run", "--quiet", "--no-check", "--v8-flags=--expose-gc", ...PERMISSIONS];
    return { program: Deno.execPath(), args: [...options, module.pathname, ...args] };
  }

  /** Removes the bundles. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }

  #bundle(module: URL): Promise<string> {
    const made = this.#bundles.get(module.href) ?? bundleForNode(module, this.#folder);
    this.#bundles.set(module.href, made);
    return made;
  }
}

async function findNode(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("node", { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Node.js reads neither our TypeScript nor the names of our imports. */
async function bundleForNode(module: URL, folder: string): Promise<string> {
  const output = `${folder}/${module.pathname.split("/").at(-1)?.replace(/\.ts$/, ".mjs")}`;
  await runDeno("bundle", "--quiet", "--platform", "deno", "--output", output, module.pathname);
  // The WebAssembly of tiny-secp256k1 is looked for beside the program.
  const { npmCache } = JSON.parse(await runDeno("info", "--json"));
  const wasm = `${npmCache}/registry.npmjs.org/tiny-secp256k1/2.2.4/lib/secp256k1.wasm`;
  await Deno.copyFile(wasm, `${folder}/secp256k1.wasm`);
  return output;
}

async function runDeno(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
