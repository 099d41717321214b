import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PrivateKeySigner } from "../../../crypto/mod.ts";
import { serverCommand } from "../helpers.ts";
import { openBench, runAlone } from "./_bench.ts";

/** Nobody listens on port 1 of this machine. */
const NO_RELAY = "ws://127.0.0.1:1/";

/** The steps that a report shows, with how they went. */
function stepsOf(out: string): Record<string, string> {
  const { steps } = JSON.parse(out);
  return Object.fromEntries(
    steps.map(({ step, status }: { step: string; status: string }) => [step, status]),
  );
}

Deno.test("cvm inspect doctor walks from the address to the answer", async () => {
  await using bench = await openBench({ info: { name: "Well" }, announce: true });
  const { code, out, err } = await bench.run(["inspect", bench.server.publicKey, "doctor"]);
  assertEquals(code, 0, err);
  for (const step of ["address", "key", "relays", "messages", "clock", "announcement", "server"]) {
    assertMatch(out, new RegExp(`^ok +${step} `, "m"));
  }
  assertMatch(out, /server +bench answers in gift wraps of kind 21059: handshake \d+ ms, 7 tools/);
  assertEquals(out.includes("\u001b"), false);
});

Deno.test("cvm inspect doctor says at which step it breaks, what to do, and ends by the cause", async () => {
  await using bench = await openBench({ access: { allow: [] }, announce: true });
  const { folder, server } = bench;
  const stranger = PrivateKeySigner.generate().pubkey;
  const cases: readonly (readonly [readonly string[], number, string, RegExp])[] = [
    [["not a key"], 2, "address", /check the address/],
    [[stranger, "--relay", NO_RELAY], 4, "relays", /check the network/],
    [[stranger, "--relay", bench.relay.url, "--timeout", "1"], 4, "server", /gateway or server/],
    [[server.publicKey, "--relay", bench.relay.url], 3, "server", /let this key in/],
  ];
  for (const [args, exitCode, broken, advice] of cases) {
    const result = await runAlone(["inspect", "doctor", ...args, "--format", "json"], folder);
    assertEquals(result.code, exitCode, result.err);
    const steps = stepsOf(result.out);
    const names = Object.keys(steps);
    assertEquals(steps[broken], "failed");
    assertEquals(
      names.slice(0, names.indexOf(broken)).some((name) => steps[name] === "failed"),
      false,
    );
    for (const name of names.slice(names.indexOf(broken) + 1)) assertEquals(steps[name], "skipped");
    assertMatch(result.out, advice);
    assertEquals(JSON.parse(result.err).error.exitCode, exitCode);
  }
});

Deno.test("cvm inspect doctor warns of a clock that is off and of modes that the server does not announce", async () => {
  await using bench = await openBench({ encryption: "disabled", announce: true });
  const late = async (input: string | URL | Request, init?: RequestInit) => {
    const response = await fetch(input, init);
    const headers = new Headers(response.headers);
    headers.set("date", new Date(Date.now() + 1_000_000).toUTCString());
    return new Response(response.body, { status: response.status, headers });
  };
  const { code, out } = await bench.run(
    ["inspect", bench.server.publicKey, "doctor", "--encryption", "required"],
    { fetch: late },
  );
  assertEquals(code, 5);
  assertMatch(out, /^warning +clock/m);
  assertStringIncludes(out, "set this machine's clock");
  assertStringIncludes(out, "use --encryption optional");
  assertMatch(out, /^failed +server/m);
});

Deno.test("cvm inspect --stdio doctor tells a server that does not start from one that does", async () => {
  await using bench = await openBench();
  const good = await runAlone(
    ["inspect", "--stdio", "doctor", "--", ...serverCommand()],
    bench.folder,
  );
  assertEquals(good.code, 0, good.err);
  assertMatch(good.out, /^ok +server +test-server answers: handshake/m);
  const bad = await runAlone(["inspect", "--stdio", "doctor", "--", "false"], bench.folder);
  assertEquals(bad.code, 4);
  assertStringIncludes(bad.out, "exited with code 1");
});
