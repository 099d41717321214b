import { assert, assertEquals } from "@std/assert";
import { failed, FIXTURE_COMMAND, type Results, runSuite, startFixture } from "./_conformance.ts";
import { openTunnel } from "./_tunnel.ts";

/** All server scenarios of the suite. */
const SCENARIOS = 32;

/**
 * What a server that is shared by all clients can't do: it does not say over stdio whom it asks,
 * and so every question is refused; and whom it tells a log message is known only while there is
 * a single client. `docs/INTEROP.md` says the same.
 */
const NOT_SHARED: ReadonlySet<string> = new Set([
  "elicitation-sep1034-defaults",
  "elicitation-sep1330-enums",
  "tools-call-elicitation",
  "tools-call-sampling",
  "tools-call-with-logging",
]);

const without = (results: Results, left: ReadonlySet<string>) =>
  [...results].filter(([scenario]) => !left.has(scenario));

Deno.test("the MCP conformance suite finds the same through cvm proxy --http, a relay and cvm gateway as without", async () => {
  await using fixture = await startFixture();
  const direct = await runSuite(fixture.url);
  assertEquals([direct.size, failed(direct)], [SCENARIOS, []]);
  {
    await using tunnel = await openTunnel(["--per-client", fixture.url]);
    assertEquals(await runSuite(tunnel.url), direct);
  }
  {
    await using tunnel = await openTunnel(["--", ...FIXTURE_COMMAND]);
    const shared = await runSuite(tunnel.url);
    assertEquals(without(shared, NOT_SHARED), without(direct, NOT_SHARED));
    assert(failed(shared).every((scenario) => NOT_SHARED.has(scenario)));
    assertEquals(shared.size, SCENARIOS);
  }
});
