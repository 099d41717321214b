/**
 * Real relays for the interop tests.
 *
 * @module
 */
import { serveRelay } from "../../cli/relay/mod.ts";

/** A relay that runs. */
export interface RunningRelay extends AsyncDisposable {
  /** Where it can be reached. */
  readonly url: string;
  /** Ends it, where it is ours to end. */
  close(): Promise<void>;
}

/** A relay that a test can start. */
export interface TestRelay {
  /** Its name, for the names of tests. */
  readonly name: string;
  /** Starts it, empty, on a free port; an external one is only named. */
  start(): Promise<RunningRelay>;
}

/**
 * The relays that interop tests run against: the embedded one, `@nostr-relay` from npm, and
 * those of the environment variable `CVM_TEST_RELAYS`, URLs with commas between them. They need
 * `--allow-net=127.0.0.1`, `--allow-run=deno` for the second, `--allow-env=CVM_TEST_RELAYS` for
 * the last.
 */
export function testRelays(): readonly TestRelay[] {
  return [
    { name: "embedded", start: () => serveRelay() },
    {
      name: "@nostr-relay",
      start: startNostrRelay,
    },
    ...externalUrls().map((url) => ({ name: url, start: () => Promise.resolve(external(url)) })),
  ];
}

/**
 * Starts `@nostr-relay` in a process of its own: it asks for `@noble/hashes` without naming a
 * version, and beside the one of this project it finds a version that it can't use.
 */
async function startNostrRelay(): Promise<RunningRelay> {
  const program = new URL("./nostr_relay.ts", import.meta.url).href;
  const child = new Deno.Command("deno", {
    args: ["run", "--quiet", "--no-config", "--no-lock", "--allow-net=127.0.0.1", program],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      await child.stdin.close();
      await child.stdout.cancel();
      await child.status;
    })();
    return closing;
  };
  const url = await readLine(child.stdout);
  if (url === undefined) {
    await close();
    throw new Error("@nostr-relay did not start; its standard error says why");
  }
  return { url, close, [Symbol.asyncDispose]: close };
}

/** The first line, or `undefined` when the stream ends before. */
async function readLine(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const lines = stream.values({ preventCancel: true });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of lines) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  return undefined;
}

function externalUrls(): string[] {
  const permission = Deno.permissions.querySync({ name: "env", variable: "CVM_TEST_RELAYS" });
  if (permission.state !== "granted") return [];
  const urls = Deno.env.get("CVM_TEST_RELAYS") ?? "";
  return urls.split(",").map((url) => url.trim()).filter((url) => url !== "");
}

function external(url: string): RunningRelay {
  const close = () => Promise.resolve();
  return { url, close, [Symbol.asyncDispose]: close };
}
