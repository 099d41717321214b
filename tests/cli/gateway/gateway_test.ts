import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { serveRelay } from "../../../cli/relay/mod.ts";
import { formatNpub, formatNsec, generateKey, PrivateKeySigner } from "../../../crypto/mod.ts";
import { describeServer } from "../../../transport/discovery/mod.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { entry, serverCommand, startGateway, temporaryFolder, until, visit } from "./_run.ts";

/** Writes a file of servers. */
async function writeServers(folder: string, mcpServers: Record<string, unknown>): Promise<string> {
  const file = `${folder}/servers.json`;
  await Deno.writeTextFile(file, JSON.stringify({ mcpServers }));
  return file;
}

Deno.test("cvm gateway --servers: each server has its own key, and keeps it; a bad entry stands in nobody's way", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const file = await writeServers(folder.path, {
    one: entry({ env: { GREETING: "${WORD}" }, cvm: { tools: ["env", "pid"] } }),
    two: entry({
      cvm: {
        name: "Second",
        announce: true,
        profile: "profile.json",
        commonSchemas: ["echo"],
        categories: ["testing"],
      },
    }),
    unlike: entry({ cvm: { profile: "none.json" } }),
    typo: { comand: "x" },
    "\u001b[31mred\ncvm: forged": { command: "x" },
    broken: { command: "no-such-command" },
  });
  await Deno.writeTextFile(`${folder.path}/profile.json`, '{"name": "P"}');
  const args = ["--relay", relay.url, "--servers", file, "--crash-limit", "1"];
  // The one key of the environment is of no use for two servers.
  const CVM_PRIVATE_KEY = formatNsec(generateKey());
  const options = { folder: folder.path, env: { WORD: "hello", CVM_PRIVATE_KEY } };
  const addresses: string[] = [];
  for (const _ of [1, 2]) {
    await using gateway = startGateway(args, options);
    addresses.push(await gateway.address("one"), await gateway.address("two"));
    await until(() => gateway.io.err.includes("[broken] given up:"));
    assertMatch(gateway.io.err, /\[unlike\] the file \S+none.json can't be read/);
    assertMatch(gateway.io.err, /^cvm: \[red cvm: forged\] \S+ mcpServers.red .* needs a name of/m);
    assertMatch(gateway.io.err, /\[typo\] .*servers.json:1:\d+: mcpServers.typo.comand is unknown/);
    {
      await using one = await visit(addresses[0]!);
      await using two = await visit(addresses[1]!);
      assertEquals(await one.call("env", { names: ["GREETING"] }), '{"GREETING":"hello"}');
      assertEquals((await one.client.listTools()).tools.map(({ name }) => name), ["env", "pid"]);
      await assertRejects(() => one.call("echo"), Error, "Unknown tool: echo");
      assertEquals(await two.call("echo", { text: "t" }), '{"text":"t"}');
      assertEquals(two.client.getServerVersion()?.name, "test-server");
    }
    assertEquals(await gateway.stop(), 0);
  }
  assertEquals(addresses.slice(2), addresses.slice(0, 2));
  assert(addresses[0] !== addresses[1]);
  await using pool = new RelayPool([relay.url]);
  const { announcement, profile, categories } = await describeServer(pool, addresses[1]!);
  assertEquals([announcement?.name, profile?.metadata.name, categories], ["Second", "P", [
    "testing",
  ]]);
  const keys = [...Deno.readDirSync(`${folder.path}/cvm/keys`)].map(({ name }) => name).toSorted();
  assertMatch(keys.join(" "), /^server-broken-\w+\.key server-one-\w+\.key server-two-\w+\.key$/);
});

Deno.test("cvm gateway --servers runs the servers that are named, and ends when none is left", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const file = await writeServers(folder.path, {
    one: entry(),
    bad: { command: "no-such-command" },
    worse: { command: "false" },
  });
  const run = (...names: string[]) =>
    startGateway(["--relay", relay.url, "--servers", file, "--crash-limit", "1", ...names], {
      folder: folder.path,
    });
  await using unknown = run("onee");
  assertEquals(await unknown.ended, 2);
  assertStringIncludes(unknown.io.err, 'has no server "onee"; did you mean "one"?');
  {
    await using some = run("--tool", "p*", "--deny-tool", "progress", "one");
    await using client = await visit(await some.address("one"));
    assertEquals((await client.client.listTools()).tools.map(({ name }) => name), ["pid"]);
  }
  await using failing = run("bad", "worse");
  assertEquals(await failing.ended, 4);
  assertStringIncludes(failing.io.err, "[bad] given up:");
  assertStringIncludes(failing.io.err, "[worse] given up:");
});

Deno.test("cvm gateway gives a server up that dies too often, and ends with 4 (F28)", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using gateway = startGateway(
    ["--relay", relay.url, "--crash-limit", "2", "--", ...serverCommand()],
    { folder: folder.path },
  );
  const address = await gateway.address("[a-z.]+");
  await using client = await visit(address);
  await assertRejects(() => client.call("die"), Error, "exited with code 1");
  await until(() => gateway.io.err.includes("the MCP server is up"));
  await assertRejects(() => client.call("die"), Error, "died 2 times within 300 s");
  assertEquals(await gateway.ended, 4);
  assertStringIncludes(gateway.io.err, "has died 2 times within 300 s and is not started again");
});

Deno.test("cvm gateway lets calls in flight end, and cuts off what takes too long", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using gateway = startGateway(
    [
      "--relay",
      relay.url,
      "--drain-timeout",
      "0.3",
      "--log-level",
      "info",
      "--",
      ...serverCommand(),
    ],
    { folder: folder.path },
  );
  await using client = await visit(await gateway.address("[a-z.]+"));
  const slow = client.call("slow").catch((error: Error) => error.message);
  await client.call("pid");
  const ended = gateway.stop("SIGINT");
  await until(() => gateway.io.err.includes("no new requests are taken"));
  const late = await client.call("pid").catch((error: Error) => error.message);
  assertStringIncludes(String(late), "Server is going down");
  assertStringIncludes(String(await slow), "took too long to be waited for");
  assertEquals(await ended, 130);
  assertStringIncludes(gateway.io.err, "requests were cut off");
  assertMatch(gateway.io.err, /tools\/call slow for [0-9a-f]{8}: error in \d+ ms/);
});

Deno.test("cvm gateway --health tells whether it lives and works, and counts without keys (F07)", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using gateway = startGateway(
    ["--relay", relay.url, "--health", "0", "--drain-timeout", "0.1", "--", ...serverCommand()],
    { folder: folder.path },
  );
  const address = await gateway.address("[a-z.]+");
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(gateway.io.err)?.[0]);
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${url}${path}`, init);
    return { status: response.status, text: await response.text() };
  };
  assertEquals(await get("/livez"), { status: 200, text: "ok\n" });
  const ready = await get("/readyz");
  assertEquals(ready.status, 200);
  const [server] = JSON.parse(ready.text).servers;
  assertEquals([server.state, server.relays], ["up", true]);
  assertMatch(server.engine, /^(native|wasm)$/);
  assertEquals((await get("/else")).status, 404);
  assertEquals((await get("/livez", { method: "POST" })).status, 405);
  assertEquals((await get("/livez", { headers: { origin: "https://evil.test" } })).status, 403);

  await using client = await visit(address);
  await client.call("echo", { text: "secret words" });
  await client.call("fail");
  await client.client.request({ method: "made/up" }, (await import("zod")).any())
    .catch(() => undefined);
  const held = client.call("slow").catch(() => undefined);
  await client.client.ping();
  const { text } = await get("/metrics");
  const lines = text.split("\n");
  const value = (line: string) =>
    lines.find((found) => found.replace(/server="[^"]+",?/, "").startsWith(line))?.split(" ").at(
      -1,
    );
  assertEquals(value('cvm_requests_total{method="tools/call",outcome="ok"}'), "1");
  assertEquals(value('cvm_requests_total{method="tools/call",outcome="tool-error"}'), "1");
  assertEquals(value('cvm_requests_total{method="other",outcome="error"}'), "1");
  assertEquals(value("cvm_requests_in_flight{}"), "1");
  assertEquals(value("cvm_sessions{}"), "1");
  assertEquals(value("cvm_upstream_up{}"), "1");
  assertEquals(value("cvm_upstream_restarts_total{}"), "0");
  assertEquals(value(`cvm_relay_state{relay="${relay.url}",state="open"}`), "1");
  assertEquals(value('cvm_request_duration_seconds_count{method="tools/call"}'), "2");
  for (const word of [client.signer.pubkey.slice(0, 8), "secret", "echo", "made/up"]) {
    assertEquals(text.includes(word), false, word);
  }
  await relay.close();
  await until(async () => (await get("/readyz")).status === 503);
  assertEquals((await get("/livez")).status, 200);
  await client.client.close();
  await held;
});

Deno.test("cvm gateway --log-format json writes one JSON object a line, with no arguments and results (F07)", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using gateway = startGateway(
    ["--relay", relay.url, "--log-format", "json", "--log-level", "info", "--", ...serverCommand()],
    { folder: folder.path },
  );
  const address = await until(() => /nprofile1[a-z0-9]+/.exec(gateway.io.err)?.[0]);
  await using client = await visit(address);
  await client.call("echo", { text: "secret words" });
  await client.call("fail");
  await gateway.stop();
  const lines = gateway.io.err.trim().split("\n").map((line) => JSON.parse(line));
  const requests = lines.filter(({ logger }) => logger === "cvm.requests");
  const [, echo, fail] = requests.filter(({ method }) => method !== "notifications/initialized");
  assertEquals(echo.client, client.signer.pubkey.slice(0, 8));
  assertEquals([echo.method, echo.tool, echo.outcome], ["tools/call", "echo", "ok"]);
  assertEquals([fail.tool, fail.outcome, typeof fail.durationMs], ["fail", "tool-error", "number"]);
  assert(lines.some(({ logger }) => logger === "cvm.child"));
  assert(lines.some(({ logger, state }) => logger === "cvm.gateway" && state === "draining"));
  for (const word of ["secret", "always fails", client.signer.pubkey]) {
    assertEquals(gateway.io.err.includes(word), false, word);
  }
});

Deno.test("cvm gateway --allow-file lets in who is in the file now, and reads it again on SIGHUP (F03)", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  const file = `${folder.path}/allow`;
  const friend = PrivateKeySigner.generate();
  const newcomer = PrivateKeySigner.generate();
  await Deno.writeTextFile(file, `${formatNpub(friend.pubkey)} # a friend\n`);
  await using gateway = startGateway(
    ["--relay", relay.url, "--announce", "--allow-file", file, "--", ...serverCommand()],
    { folder: folder.path },
  );
  const address = await gateway.address("[a-z.]+");
  await using first = await visit(address, friend);
  await first.client.ping();
  await assertRejects(() => visit(address, newcomer), Error, "Unauthorized");
  await Deno.writeTextFile(file, "broken\n");
  gateway.hangUp();
  await until(() => gateway.io.err.includes("the list before it stays"));
  assertStringIncludes(gateway.io.err, "allow:1:1: ");
  await first.client.ping();
  await Deno.writeTextFile(file, newcomer.pubkey);
  gateway.hangUp();
  await until(() => gateway.io.err.includes("1 clients are let in"));
  await using second = await visit(address, newcomer);
  await second.client.ping();
  await assertRejects(() => first.client.ping(), Error, "Unauthorized");
});

Deno.test("cvm gateway announces what its options say, and takes it back with --delete-announcement", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using second = await serveRelay();
  await Deno.writeTextFile(`${folder.path}/profile.json`, '{"name": "P", "about": "of tests"}');
  const target = ["--", ...serverCommand()];
  const args = [
    ...["--relay", relay.url, "--announce-relay", second.url],
    ...["--profile", `${folder.path}/profile.json`],
  ];
  const options = { folder: folder.path };
  let publicKey = "";
  {
    await using gateway = startGateway([
      ...args,
      ...["--announce", "--name", "N", "--about", "A", "--website", "https://w.test"],
      ...["--common-schema", "echo", "--category", "testing", "--deny-tool", "e?v"],
      ...["--no-oversized-transfer", "--no-open-stream", "--inject-client-pubkey"],
      ...target,
    ], options);
    await using client = await visit(await gateway.address("[a-z.]+"));
    await client.client.ping();
    assertEquals((await client.client.listTools()).tools.some(({ name }) => name === "env"), false);
    publicKey = /npub1\w+/.exec(gateway.io.err)![0];
  }
  for (const url of [relay.url, second.url]) {
    await using pool = new RelayPool([url]);
    const found = await describeServer(pool, publicKey);
    const { name, about } = found.announcement!;
    assertEquals([name, about], ["N", "A"]);
    assertEquals(found.profile?.metadata, { name: "P", about: "of tests" });
    assertEquals(found.categories, ["testing"]);
    assertEquals(found.schemas.filter(({ tagged }) => tagged).map(({ tool }) => tool), ["echo"]);
    assertEquals(found.tools!.items.some(({ name }) => name === "env"), false);
    assertEquals(found.supports.includes("support_open_stream"), false);
    assertEquals(found.supports.includes("support_oversized_transfer"), false);
    assertEquals(found.relayList?.relays.map(({ url }) => url), [relay.url]);
  }
  {
    await using taking = startGateway([...args, "--delete-announcement", ...target], options);
    assertEquals(await taking.ended, 0, taking.io.err);
    assertMatch(taking.io.out, /deleted kinds .*11316.* of npub1/);
    await using again = startGateway([...args, "--delete-announcement", ...target], options);
    assertEquals(await again.ended, 0, again.io.err);
    assertStringIncludes(again.io.out, "nothing of npub1");
  }
});

Deno.test("F09: cvm gateway holds to the bounds of its command line, for each client and for all", async () => {
  await using folder = await temporaryFolder();
  await using relay = await serveRelay();
  await using gateway = startGateway([
    ...["--relay", relay.url, "--max-total-in-flight", "2", "--max-in-flight", "1"],
    ...["--max-subscriptions", "1", "--drain-timeout", "0.1"],
    ...["--max-message-bytes", "100000", "--max-buffered-bytes", "200000", "--idle-timeout", "1h"],
    ...["--", ...serverCommand()],
  ], { folder: folder.path });
  const address = await gateway.address("[a-z.]+");
  await using one = await visit(address);
  await using two = await visit(address);
  await using three = await visit(address);
  await one.client.subscribeResource({ uri: "test://a" });
  await assertRejects(
    () => one.client.subscribeResource({ uri: "test://b" }),
    Error,
    "too many subscriptions",
  );
  const large = { text: "x".repeat(150_000) };
  await assertRejects(() => one.call("echo", large), Error);
  // What was just answered counts until its answer has been delivered.
  const hold = async (call: typeof one.call): Promise<void> => {
    const reason = await call("slow").catch((error: Error) => error.message);
    if (String(reason).includes("Refused: ")) await hold(call);
  };
  const held = [one.call, two.call].map(hold);
  await until(async () => {
    const answer = await three.call("pid").catch((error: Error) => error.message);
    return String(answer).includes("more than 2 requests of all clients at the same time");
  });
  await assertRejects(() => one.call("pid"), Error, "more than 1 requests at the same time");
  await gateway.stop();
  await Promise.all(held);
});
