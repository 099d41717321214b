import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { finalizeEvent, generateSecretKey } from "@nostr/tools/pure";
import { Relay } from "@nostr/tools/relay";
import {
  formatNpub,
  formatNsec,
  generateKey,
  getPublicKey,
  PrivateKeySigner,
} from "../../../crypto/mod.ts";
import { ALICE, BOB, makeEvent, nowSeconds, TestClient } from "../../relays/client.ts";
import { startGateway, visit } from "../gateway/_run.ts";
import { serverCommand, temporaryFolder, until } from "../helpers.ts";
import { startRelay } from "./_run.ts";

const MAIN = new URL("../../../cli/main.ts", import.meta.url).pathname;

async function connect(url: string): Promise<TestClient> {
  const client = new TestClient(new WebSocket(url));
  await client.opened;
  return client;
}

/** Answers the challenge that comes first on a connection. */
async function authenticate(client: TestClient, url: string, privateKey: Uint8Array) {
  const [type, challenge] = await client.read();
  assertEquals(type, "AUTH");
  const tags = [["relay", url], ["challenge", String(challenge)]];
  client.send("AUTH", makeEvent({ kind: 22242, tags }, privateKey));
  assertEquals((await client.read())[2], true);
}

Deno.test("cvm relay says what it is and what it takes: NIP-11, and its result as JSON", async () => {
  const pubkey = getPublicKey(ALICE);
  await using relay = await startRelay(
    ...["--name", "mine", "--description", "for us", "--contact", "mailto:me@example.com"],
    ...["--pubkey", formatNpub(pubkey), "--public-url", "wss://relay.example.com"],
    ...["--max-event-bytes", "200000", "--max-subscriptions", "3", "--max-limit", "7"],
    ...["--max-age", "3600", "--auth", "all"],
  );
  const { port, ...result } = relay.result;
  assertEquals(typeof port, "number");
  assertEquals(result, {
    url: "wss://relay.example.com",
    db: null,
    auth: "all",
    writers: "all",
  });
  const response = await fetch(relay.url.replace("ws", "http"), {
    headers: { accept: "application/nostr+json" },
  });
  const { version, ...document } = await response.json();
  assertMatch(version, /^\d+\.\d+\.\d+/);
  assertEquals(document, {
    name: "mine",
    description: "for us",
    contact: "mailto:me@example.com",
    pubkey,
    supported_nips: [1, 9, 11, 42],
    software: "@cvm/toolkit",
    limitation: {
      max_message_length: 201_024,
      max_content_length: 200_000,
      max_subscriptions: 3,
      max_subid_length: 64,
      max_limit: 7,
      default_limit: 7,
      created_at_lower_limit: 3600,
      created_at_upper_limit: 900,
      auth_required: true,
      payment_required: false,
      restricted_writes: false,
    },
  });
});

Deno.test("cvm relay holds to its limits", async () => {
  await using relay = await startRelay(
    ...["--max-message-bytes", "2048", "--max-subscriptions", "1", "--max-filters", "1"],
    ...["--max-events-per-second", "1", "--max-events", "2", "--max-connections", "1"],
    ...["--max-ephemeral-age", "60"],
  );
  await using client = await connect(relay.url);
  const refused = new TestClient(new WebSocket(relay.url));
  await assertRejects(() => refused.opened, Error);
  await refused.closed;
  const events = [3, 2, 1].map((age) => makeEvent({ created_at: nowSeconds() - age }));
  assertEquals(await client.publish(events[0]!), [true, ""]);
  assertEquals(await client.publish(events[1]!), [true, ""]); // the burst
  const [accepted, reason] = await client.publish(events[2]!);
  assertEquals([accepted, reason], [false, "rate-limited: at most 1 events a second"]);
  const taken = await until(async () => (await client.publish(events[2]!))[0] === true);
  assertEquals(taken, true);
  assertEquals(await client.query("all", {}), [events[2], events[1]]); // the oldest has gone
  client.send("REQ", "two", { kinds: [1] }, { kinds: [2] });
  assertMatch(String((await client.read())[2]), /^(invalid|error): .*1 filter/);
  await client.subscribe("first", { kinds: [9] });
  client.send("REQ", "second", { kinds: [9] });
  assertMatch(String((await client.read())[2]), /at most 1 subscriptions/);
  const old = makeEvent({ kind: 20_001, created_at: nowSeconds() - 90 });
  await until(async () => /at most 60 seconds old/.test(String((await client.publish(old))[1])));
  client.sendRaw(JSON.stringify(["EVENT", makeEvent({ content: "x".repeat(2_048) })]));
  assertEquals((await client.closed).code, 1009);
});

for (const auth of ["all", "gift-wraps"]) {
  Deno.test(`cvm relay --auth ${auth}: our gateway and clients authenticate, and others learn that they have to`, async () => {
    await using folder = await temporaryFolder();
    await using relay = await startRelay("--auth", auth);
    await using gateway = startGateway(
      [...["--relay", relay.url, "--gift-wrap", "persistent"], "--", ...serverCommand()],
      { folder: folder.path },
    );
    await using visitor = await visit(await gateway.address("[a-z.]+"));
    assertEquals(await visitor.call("echo", { text: "t" }), '{"text":"t"}');
    await using stranger = await connect(relay.url);
    const [, challenge] = await stranger.read();
    assertEquals(typeof challenge, "string");
    stranger.send("REQ", "wraps", { kinds: [1059] });
    assertMatch(String((await stranger.read())[2]), /^auth-required: /);
    const published = await stranger.publish(makeEvent());
    assertEquals(published[0], auth === "gift-wraps");
  });
}

Deno.test("cvm relay --allow: a gateway and its client may write, in gift wraps too; others may not, and all may read", async () => {
  await using folder = await temporaryFolder();
  const keys = [generateKey(), generateKey()];
  const keyFile = `${folder.path}/gateway.key`;
  await Deno.writeTextFile(keyFile, formatNsec(keys[0]!));
  const allowFile = `${folder.path}/writers`;
  await Deno.writeTextFile(allowFile, `${formatNpub(getPublicKey(keys[1]!))} # a client\n`);
  await using relay = await startRelay(
    ...["--allow", formatNpub(getPublicKey(keys[0]!)), "--allow-file", allowFile],
  );
  assertEquals(relay.result.writers, "allowed");
  await using gateway = startGateway(
    [
      "--relay",
      relay.url,
      "--key-file",
      keyFile,
      "--encryption",
      "required",
      "--",
      ...serverCommand(),
    ],
    { folder: folder.path },
  );
  await using visitor = await visit(
    await gateway.address("[a-z.]+"),
    new PrivateKeySigner(keys[1]!),
  );
  assertEquals(await visitor.call("echo", { text: "t" }), '{"text":"t"}');

  // A client of other make: nostr-tools authenticates when it is asked to.
  const secretKey = generateSecretKey();
  const note = finalizeEvent(
    { kind: 1, created_at: nowSeconds(), tags: [], content: "" },
    secretKey,
  );
  const theirs = await Relay.connect(relay.url);
  await assertRejects(() => theirs.publish(note), Error, "auth-required: ");
  await theirs.auth((template) => Promise.resolve(finalizeEvent(template, secretKey)));
  await assertRejects(() => theirs.publish(note), Error, "restricted: ");
  theirs.close();

  // Its list changes while it runs.
  await using bob = await connect(relay.url);
  await authenticate(bob, relay.url, BOB);
  const event = makeEvent({}, BOB);
  assertMatch(String((await bob.publish(event))[1]), /^restricted: /);
  await Deno.writeTextFile(allowFile, "broken\n");
  relay.hangUp();
  await until(() => relay.io.err.includes("the list before it stays"));
  await Deno.writeTextFile(allowFile, getPublicKey(BOB));
  relay.hangUp();
  await until(() => relay.io.err.includes("was read again: 1 keys may write"));
  assertEquals(await bob.publish(event), [true, ""]);
  await using reader = await connect(relay.url);
  await reader.read(); // its challenge, which a reader need not answer
  assertEquals(await reader.query("r", { kinds: [1] }), [event]);
  // An author who is let in need not authenticate.
  assertEquals(await reader.publish(makeEvent({ content: "again" }, BOB)), [true, ""]);
});

Deno.test("cvm relay says what does not fit, before it listens", async () => {
  const cases: readonly (readonly [args: readonly string[], message: string])[] = [
    [["--hostname", "0.0.0.0", "--auth", "all"], "--public-url"],
    [["--hostname", "::", "--allow", getPublicKey(ALICE)], "--public-url"],
    [["--hostname", "::0", "--auth", "all"], "--public-url"],
    [["--hostname", "0", "--auth", "all"], "--public-url"],
    [["--public-url", "https://relay.example.com"], "--public-url must be a URL"],
    [["--pubkey", "npub1x"], "--pubkey: "],
    [["--allow", formatNsec(ALICE)], "--allow nsec…: "],
    [["--allow-file", "/no/such/file"], "the allowlist /no/such/file can't be read"],
    [["--max-message-bytes", "2000", "--max-event-bytes", "3000"], "an event travels in a message"],
    [["--auth", "some"], "gift-wraps"],
  ];
  for (const [args, message] of cases) {
    await using relay = await startRelay(...args);
    assertEquals(await relay.ended, 2, relay.io.err);
    assertStringIncludes(relay.io.err, message);
  }
});

Deno.test("cvm relay ends at SIGTERM: clients are told, and the exit code is 0", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "-NREWS", MAIN, "relay", "--port", "0"],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  await using client = await connect(value.trim());
  assertEquals(await client.publish(makeEvent()), [true, ""]);
  child.kill("SIGTERM");
  assertEquals((await client.closed).code, 1001);
  assertEquals((await child.status).code, 0);
  await reader.cancel();
});

Deno.test("cvm relay --idle-timeout disconnects who does not answer a ping", async () => {
  await using relay = await startRelay("--idle-timeout", "1");
  using connection = await Deno.connect({ port: relay.result.port });
  const handshake = [
    "GET / HTTP/1.1",
    `Host: 127.0.0.1:${relay.result.port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  await connection.write(new TextEncoder().encode(`${handshake.join("\r\n")}\r\n\r\n`));
  let isOver = false;
  const reading = (async () => {
    const bytes = new Uint8Array(1_024);
    while (await connection.read(bytes) !== null);
    isOver = true;
  })();
  await until(() => isOver);
  await reading;
});
