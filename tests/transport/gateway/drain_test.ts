import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { RequestObserver } from "../../../transport/server.ts";
import { MemoryRelay } from "../../../transport/testing/mod.ts";
import { startGateway } from "../_gateway.ts";
import { connect, textOf, until } from "../_harness.ts";

/** Writes down what an observer is told. */
function record() {
  const lines: string[] = [];
  const observer: RequestObserver = {
    onRequest: ({ method, name }) => void lines.push(`${method} ${name ?? "-"}`),
    onSettled: ({ method, name, outcome, errorCode }) =>
      void lines.push(`${method} ${name ?? "-"}: ${outcome} ${errorCode ?? "-"}`),
  };
  return { lines, observer };
}

for (const perClient of [false, true]) {
  const mode = perClient ? "per client" : "shared";

  Deno.test(`McpGateway.drain() (${mode}) lets calls in flight end, and tells who comes later why not`, async () => {
    await using relay = new MemoryRelay();
    const { lines, observer } = record();
    await using running = await startGateway(relay, { perClient, observer });
    await using session = await connect(relay, running.gateway.publicKey);
    await using other = await connect(relay, running.gateway.publicKey);
    let release = () => {};
    const mcp = running.servers.at(-1)!;
    const holder = perClient ? other : session;
    mcp.registerTool("hold", {}, async () => {
      await new Promise<void>((resolve) => release = resolve);
      return { content: [{ type: "text", text: "held" }] };
    });
    const call = holder.client.callTool({ name: "hold" });
    await until("the call runs", () => lines.includes("tools/call hold"));
    const drained = running.gateway.drain({ timeoutMs: 5_000 });
    const late = await session.client.callTool({ name: "echo", arguments: { message: "late" } })
      .catch((error: Error) => error.message);
    assertStringIncludes(String(late), "Server is going down: it takes no new requests");
    release();
    assertEquals(textOf(await call), "held");
    assertEquals(await drained, true);
    await running.watching;
    assertEquals(running.states, ["starting", "up", "draining", "closed"]);
    assert(lines.includes("tools/call echo: refused -"));
    assert(lines.includes("tools/call hold: ok -"));
  });
}

Deno.test("McpGateway.drain() answers what is not through in time with an error", async () => {
  await using relay = new MemoryRelay();
  await using running = await startGateway(relay);
  await using session = await connect(relay, running.gateway.publicKey);
  const call = session.client.callTool({ name: "slow" }).catch((error: Error) => error.message);
  await until("the tool runs", () => running.log.started === 1);
  assertEquals(await running.gateway.drain({ timeoutMs: 20 }), false);
  assertStringIncludes(String(await call), "took too long to be waited for");
});

Deno.test("McpGateway.drain() ends its wait with the signal, and at once when nothing is in flight", async () => {
  await using relay = new MemoryRelay();
  await using idle = await startGateway(relay);
  await using visitor = await connect(relay, idle.gateway.publicKey);
  await visitor.client.ping();
  assertEquals(await idle.gateway.drain({ timeoutMs: 60_000 }), true);
  await using busy = await startGateway(relay);
  await using session = await connect(relay, busy.gateway.publicKey);
  const call = session.client.callTool({ name: "slow" }).catch((error: Error) => error.message);
  await until("the tool runs", () => busy.log.started === 1);
  const stop = new AbortController();
  const drained = busy.gateway.drain({ timeoutMs: 60_000, signal: stop.signal });
  stop.abort();
  assertEquals(await drained, false);
  assertStringIncludes(String(await call), "going down");
});

Deno.test("McpGateway gives an MCP server up that dies too often, and says so to each caller", async () => {
  await using relay = new MemoryRelay();
  await using running = await startGateway(relay, {
    restart: { initialMs: 1, maxMs: 2, maxDeaths: 3, windowMs: 60_000 },
  });
  await using session = await connect(relay, running.gateway.publicKey);
  for (let deaths = 1; deaths <= 3; deaths++) {
    await until(
      "it is up",
      () => running.servers.length === deaths && running.states.at(-1) === "up",
    );
    await running.servers.at(-1)!.close();
    await until("its death is noticed", () => running.states.at(-1) !== "up");
  }
  assertEquals(running.states.at(-1), "failed");
  const message = await session.client.callTool({ name: "fail" })
    .catch((error: Error) => error.message);
  assertStringIncludes(String(message), "died 3 times within 60 s and is not started again");
  assertEquals(running.servers.length, 3);
});

Deno.test("an observer is told of each request and how it ends, without arguments and results (F07)", async () => {
  await using relay = new MemoryRelay();
  const { lines, observer } = record();
  const seen: unknown[] = [];
  await using running = await startGateway(relay, {
    observer: {
      onRequest: (request) => {
        seen.push(request);
        observer.onRequest?.(request);
        throw new Error("an observer that fails stops nothing");
      },
      onSettled: (request) => {
        seen.push(request);
        observer.onSettled?.(request);
      },
    },
  });
  await using session = await connect(relay, running.gateway.publicKey);
  lines.length = 0;
  await session.client.callTool({ name: "echo", arguments: { message: "secret" } });
  await session.client.callTool({ name: "fail" });
  await session.client.readResource({ uri: "test://none" }).catch(() => undefined);
  const abort = new AbortController();
  const call = session.client.callTool({ name: "slow" }, undefined, { signal: abort.signal })
    .catch(() => undefined);
  await until("the tool runs", () => running.log.started === 1);
  abort.abort();
  await call;
  await until("the end is told", () => lines.length === 8);
  assertEquals(lines, [
    "tools/call echo",
    "tools/call echo: ok -",
    "tools/call fail",
    "tools/call fail: tool-error -",
    "resources/read -",
    "resources/read -: error -32602",
    "tools/call slow",
    "tools/call slow: cancelled -",
  ]);
  assert(!JSON.stringify(seen).includes("secret"));
});
