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
 * `--allow-net=127.0.0.1`, and `--allow-env=CVM_TEST_RELAYS` for the last.
 */
export function testRelays(): readonly TestRelay[] {
  return [
    { name: "embedded", start: () => serveRelay() },
    {
      name: "@nostr-relay",
      start: async () => (await import("./nostr_relay.ts")).startNostrRelay(),
    },
    ...externalUrls().map((url) => ({ name: url, start: () => Promise.resolve(external(url)) })),
  ];
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
