import { assertEquals, assertStringIncludes } from "@std/assert";
import { openWebSocket } from "../../../cli/websocket.ts";
import { isMute, refusalsOf, WriteProbe } from "../../../cli/commands/gateway/_write_probe.ts";
import { serveRelay } from "../../../cli/relay/mod.ts";
import {
  formatNpub,
  formatNsec,
  generateKey,
  getPublicKey,
  PrivateKeySigner,
} from "../../../crypto/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { RelayFaults } from "../../../transport/testing/mod.ts";
import { startRelay } from "../relay/_run.ts";
import { serverCommand, startGateway, temporaryFolder, until } from "./_run.ts";

for (const encryption of ["optional", "required", "disabled"] as const) {
  Deno.test(`cvm gateway says what a relay answers that takes nothing from it, and that nobody can be answered (encryption ${encryption})`, async () => {
    await using folder = await temporaryFolder();
    const keyFile = `${folder.path}/gateway.key`;
    await Deno.writeTextFile(keyFile, formatNsec(generateKey()));
    await using relay = await startRelay("--allow", formatNpub(getPublicKey(generateKey())));
    await using gateway = startGateway(
      [
        ...["--relay", relay.url, "--key-file", keyFile, "--encryption", encryption],
        ...["--health", "0", "--", ...serverCommand()],
      ],
      { folder: folder.path },
    );
    await until(() => gateway.io.err.includes("Entry for an MCP host"));
    const words = "restricted: the key that you authenticated as may not write here";
    assertStringIncludes(gateway.io.err, "is on Nostr, but can answer nobody");
    assertStringIncludes(
      gateway.io.err,
      `nobody can be answered through ${relay.url}: ${words}`,
    );
    const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(gateway.io.err)?.[0]);
    const ready = await fetch(`${url}/readyz`);
    const { servers: [server] } = await ready.json();
    assertEquals([ready.status, server.state, server.relays], [503, "up", false]);
    assertEquals(server.refusals, [{ url: relay.url, reason: words }]);
  });
}

Deno.test("cvm gateway is ready as soon as its relay takes what it sends again", async () => {
  await using folder = await temporaryFolder();
  let isOpen = false;
  await using relay = await serveRelay({
    policy: () => isOpen ? undefined : "blocked: not today",
  });
  await using gateway = startGateway(
    ["--relay", relay.url, "--health", "0", "--", ...serverCommand()],
    { folder: folder.path },
  );
  await until(() => gateway.io.err.includes("Entry for an MCP host"));
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(gateway.io.err)?.[0]);
  const ready = async () => {
    const response = await fetch(`${url}/readyz`);
    const { servers: [server] } = await response.json();
    return [response.status, server.relays, server.refusals];
  };
  const refusals = [{ url: relay.url, reason: "blocked: not today" }];
  assertEquals(await ready(), [503, false, refusals]);
  isOpen = true;
  assertEquals(await ready(), [200, true, undefined]);
});

Deno.test("WriteProbe asks a relay that refuses again, until it takes what it is sent; a relay that takes one way is not mute", async () => {
  const refused: number[] = [];
  let taken: readonly number[] = [];
  await using relay = await serveRelay({
    policy: ({ kind }) => {
      if (taken.includes(kind)) return undefined;
      refused.push(kind);
      return "blocked: not you";
    },
  });
  const signer = PrivateKeySigner.generate();
  await using pool = new RelayPool([relay.url], { signer, webSocket: openWebSocket });
  await pool.ready();
  using probe = new WriteProbe(pool, { signer, againMs: 10 });
  await probe.start();
  assertEquals(refused.slice(0, 2), [21059, 25910]);
  assertEquals([isMute(pool), refusalsOf(pool)], [true, [{
    url: relay.url,
    reason: "blocked: not you",
  }]]);
  taken = [25910];
  await until(() => !isMute(pool));
  assertEquals(refusalsOf(pool), []);
});

Deno.test("WriteProbe waits for a relay that does not answer no longer than it is told to, once, and takes it for no refusal", async () => {
  const kinds: number[] = [];
  await using relay = await serveRelay({
    policy: ({ kind }) => void kinds.push(kind),
    wrap: (engine) => {
      const faults = new RelayFaults(engine);
      faults.set({ withholdOk: true });
      return faults;
    },
  });
  const signer = PrivateKeySigner.generate();
  await using pool = new RelayPool([relay.url], { signer, webSocket: openWebSocket });
  await pool.ready();
  using probe = new WriteProbe(pool, { signer, timeoutMs: 50 });
  await Promise.all([probe.start(), probe.start()]);
  assertEquals([kinds, isMute(pool), refusalsOf(pool)], [[21059], false, []]);
});
