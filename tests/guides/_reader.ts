/** Somebody who follows a guide in a shell. */
import { missingLines, type Step } from "./_guide.ts";
import { until } from "../cli/helpers.ts";

const PROJECT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const MARK = "-- end of the command:";
const PATIENCE_MS = 60_000;

/** A shell that is given commands, and what it has printed. */
class Shell implements AsyncDisposable {
  printed = "";
  ended = false;
  readonly child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<unknown>;

  constructor(options: { readonly cwd: string; readonly env: Record<string, string> }) {
    this.child = new Deno.Command("bash", {
      args: ["-O", "expand_aliases", "-s"],
      ...options,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.child.status.finally(() => this.ended = true);
    this.#writer = this.child.stdin.getWriter();
    const read = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) this.printed += text;
    };
    this.#read = Promise.all([read(this.child.stdout), read(this.child.stderr)]);
  }

  async write(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  /** Runs one line to its end; what it printed, and its exit code. */
  async run(line: string): Promise<{ printed: string; code: number }> {
    const from = this.printed.length;
    await this.write(`${line}\necho "${MARK} $?."\n`);
    const found = await until(
      () => this.printed.slice(from).match(new RegExp(`${MARK} (\\d+)\\.`)) ?? undefined,
      PATIENCE_MS,
    ).catch((error) => {
      throw new Error(`${line}\n${this.printed.slice(from)}`, { cause: error });
    });
    return { printed: this.printed.slice(from), code: Number(found[1]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => undefined); // the shell was replaced by a command that ended
    // What still runs in the shell when a step failed.
    await new Deno.Command("pkill", { args: ["-P", String(this.child.pid)] }).output();
    await this.child.status;
    await this.#read;
  }
}

/** Follows the steps of a guide in a folder that is made for it. */
export class Reader implements AsyncDisposable {
  readonly #folder: string;
  readonly #env: Record<string, string>;
  readonly #shell: Shell;
  readonly #started: Shell[] = [];
  #alias = "";
  /** Everything that was printed, for the addresses in it. */
  #seen = "";

  constructor(folder: string, env: Record<string, string>) {
    this.#folder = `${folder}/cvm`;
    Deno.symlinkSync(PROJECT, this.#folder);
    const deno = Deno.execPath().replace(/\/[^/]*$/, "");
    this.#env = {
      ...env,
      HOME: folder,
      XDG_CONFIG_HOME: `${folder}/config`,
      DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
      npm_config_cache: Deno.env.get("npm_config_cache") ?? `${Deno.env.get("HOME")}/.npm`,
      PATH: `${deno}:${Deno.env.get("PATH")}`,
      NO_COLOR: "1",
    };
    this.#shell = new Shell({ cwd: this.#folder, env: this.#env });
  }

  /** Does one step; throws with what was printed when it does not go as the guide says. */
  async follow(step: Step): Promise<void> {
    if (step.kind === "save") return await this.#save(step);
    if (step.kind === "stop") return await this.#stop();
    if (step.kind === "start") return await this.#start(step);
    let printed = "";
    for (const line of this.#fill(step.text).split(/(?<!\\)\n/).filter((line) => line !== "")) {
      if (line.startsWith("alias cvm=")) {
        this.#alias = line.slice(line.indexOf('"') + 1, -1).replace("$PWD", this.#folder);
        // The rest happens in a folder beside the project, not in it.
        const work = this.#folder.replace(/cvm$/, "work");
        await this.#shell.run(`cd ${this.#folder}; ${line}; mkdir ${work}; cd ${work}`);
        continue;
      }
      const result = await this.#shell.run(line);
      const expected = Number(line.match(/# exit code (\d+)/)?.[1] ?? 0);
      if (result.code !== expected) {
        throw new Error(`${line}\nexit code ${result.code}\n${result.printed}`);
      }
      printed += result.printed;
    }
    this.#seen += printed;
    const missing = missingLines(step.expected, printed);
    if (missing.length > 0) throw new Error(`not seen: ${missing.join("\n")}\nin: ${printed}`);
  }

  async #save({ file, text }: Step): Promise<void> {
    await this.#shell.run(`cat > ${file} <<'END OF FILE'\n${this.#fill(text)}END OF FILE`);
  }

  async #start({ text, expected }: Step): Promise<void> {
    const { printed } = await this.#shell.run("pwd");
    const shell = new Shell({ cwd: printed.split("\n")[0] ?? "", env: this.#env });
    this.#started.push(shell);
    await shell.write(`exec ${this.#fill(text).replace(/^cvm /, `${this.#alias} `)}`);
    const seen = () => missingLines(expected, shell.printed).length === 0;
    await until(() => seen() || shell.ended, PATIENCE_MS);
    if (!seen()) throw new Error(`not seen: ${expected.join("\n")}\nin: ${shell.printed}`);
    this.#seen += shell.printed;
  }

  async #stop(): Promise<void> {
    const shell = this.#started.pop();
    if (shell === undefined) throw new Error("nothing was started that Ctrl-C could end");
    if (!shell.ended) shell.child.kill("SIGINT");
    await shell[Symbol.asyncDispose]();
  }

  /** Puts the addresses that were seen last where the guide has a word for them. */
  #fill(text: string): string {
    const last = (kind: string) => this.#seen.match(new RegExp(`${kind}1[a-z0-9]+`, "g"))?.at(-1);
    return text.replaceAll(/\b(NPROFILE|NPUB)\b/g, (word) => last(word.toLowerCase()) ?? word);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#started.length > 0) await this.#stop();
    await this.#shell[Symbol.asyncDispose]();
  }
}
