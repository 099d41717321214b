/**
 * The MCP conformance suite, and the fixture server that it is run against.
 *
 * @module
 */
import { temporaryFolder } from "../cli/helpers.ts";

const FIXTURE = new URL("../testdata/conformance/server.ts", import.meta.url).pathname;
const SUITE = "npm:@modelcontextprotocol/conformance@0.1.16";
const NEEDED = ["--quiet", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read", "--allow-env"];

/** The command that starts the fixture server over stdio. */
export const FIXTURE_COMMAND: readonly string[] = [Deno.execPath(), "run", ...NEEDED, FIXTURE];

/** What each scenario came to: `passed`, and each of its checks with its outcome. */
export type Results = ReadonlyMap<string, { readonly passed: boolean; readonly checks: unknown }>;

/** Starts the fixture server over HTTP, in a process of its own. */
export async function startFixture(): Promise<{ url: string } & AsyncDisposable> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...NEEDED, FIXTURE, "--http"],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value: url } = await reader.read();
  const close = async () => {
    child.kill();
    await child.status;
    await reader.cancel();
  };
  if (url === undefined) {
    await close();
    throw new Error("the fixture server did not start; its standard error says why");
  }
  return { url: url.trim(), [Symbol.asyncDispose]: close };
}

/** Runs all server scenarios of the suite against an HTTP endpoint. */
export async function runSuite(url: string): Promise<Results> {
  await using folder = await temporaryFolder();
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      ...NEEDED,
      "--allow-sys",
      `--allow-write=${folder.path}`,
      ...[SUITE, "server", "--suite", "all", "--url", url, "-o", folder.path],
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  const results = new Map<string, { passed: boolean; checks: unknown }>();
  for await (const { name } of Deno.readDir(folder.path)) {
    // `server-<scenario>-<time>`
    const scenario = name.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT.*$/, "");
    const text = await Deno.readTextFile(`${folder.path}/${name}/checks.json`);
    const checks: readonly { id: string; status: string; errorMessage?: string }[] = JSON.parse(
      text,
    );
    results.set(scenario, {
      passed: checks.every(({ status }) => status !== "FAILURE"),
      checks: checks.map(({ id, status, errorMessage }) => ({ id, status, errorMessage })),
    });
  }
  if (results.size === 0) throw new Error(`no results: ${new TextDecoder().decode(stderr)}`);
  return new Map([...results].sort(([one], [other]) => one < other ? -1 : 1));
}

/** The names of the scenarios that did not pass. */
export function failed(results: Results): string[] {
  return [...results].filter(([, { passed }]) => !passed).map(([scenario]) => scenario);
}
