import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { probeRelay } from "../../../cli/commands/inspect/relay_probe.ts";
import { serveRelay, type ServeRelayOptions } from "../../../cli/relay/mod.ts";
import { openWebSocket } from "../../../cli/websocket.ts";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";

async function probe(options: ServeRelayOptions) {
  await using relay = await serveRelay(options);
  const report = await probeRelay(relay.url, {
    signer: PrivateKeySigner.generate(),
    pool: { webSocket: openWebSocket },
    timeoutMs: 1_000,
    signal: new AbortController().signal,
  });
  await using pool = new RelayPool([relay.url], { webSocket: openWebSocket });
  const kept = options.requireAuth ? [] : await pool.query([{}]);
  return { ...report, kept };
}

Deno.test("probeRelay() tells what a relay takes, and leaves nothing there", async () => {
  const { reachable, connectMs, info, ephemeralWraps, storedWraps, authenticated, kept } =
    await probe({});
  assert(reachable && connectMs !== null && info !== null);
  assertEquals([ephemeralWraps?.ok, storedWraps?.ok, authenticated], [true, true, false]);
  assertEquals(kept, []);
});

Deno.test("probeRelay() authenticates where it is asked to (NIP-42)", async () => {
  const { ephemeralWraps, storedWraps, authenticated } = await probe({ requireAuth: true });
  assertEquals([ephemeralWraps?.ok, storedWraps?.ok, authenticated], [true, true, true]);
});

Deno.test("probeRelay() repeats a relay's words when it refuses", async () => {
  const { ephemeralWraps, reachable } = await probe({
    policy: ({ kind }) => kind === 21059 ? "blocked: no wraps here" : undefined,
  });
  assertEquals([reachable, ephemeralWraps?.ok], [true, false]);
  assertStringIncludes(ephemeralWraps?.reason ?? "", "blocked: no wraps here");
});

Deno.test("probeRelay() is at its end when nobody answers", async () => {
  const report = await probeRelay("ws://127.0.0.1:1", {
    signer: PrivateKeySigner.generate(),
    pool: { webSocket: openWebSocket },
    timeoutMs: 500,
    signal: new AbortController().signal,
  });
  assertEquals([report.reachable, report.ephemeralWraps, report.info], [false, null, null]);
  assert(report.error);
});
