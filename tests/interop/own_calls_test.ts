import { assert, assertEquals, assertStringIncludes } from "@std/assert";
// The types of `types.js` stand under another name.
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { openWebSocket } from "../../cli/websocket.ts";
import { NostrClientTransport } from "../../transport/client.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { NostrServerTransport, serve } from "../../transport/server.ts";
import type { JsonRpcMessage } from "../../transport/types.ts";
import { testRelays } from "../relays/mod.ts";
import { describe, USUAL_MODES } from "./_modes.ts";
import { ConnectedClient, serveTools, until, within } from "./_peers.ts";
import {
  exercise,
  EXPECTED,
  failureOf,
  makeToolServer,
  textOf,
  type ToolServerOptions,
} from "./_tools.ts";

/** A client without an MCP library above it: the test writes the messages. */
class BareClient implements AsyncDisposable {
  readonly received: JsonRpcMessage[] = [];
  readonly #transport: NostrClientTransport;

  private constructor(transport: NostrClientTransport) {
    this.#transport = transport;
    transport.onmessage = (message) => this.received.push(message);
  }

  static async open(relay: string, server: string): Promise<BareClient> {
    const signer = PrivateKeySigner.generate();
    const relays = [relay];
    const client = new BareClient(new NostrClientTransport({ signer, server, relays }));
    await client.#transport.start();
    return client;
  }

  /** Calls the tool `count`, and waits for the answer; the progress that has come by then. */
  async count(id: number, progressToken: number, to: number): Promise<unknown[]> {
    const params = { name: "count", arguments: { to }, _meta: { progressToken } };
    await this.#transport.send({ jsonrpc: "2.0", id, method: "tools/call", params });
    const isAnswer = (message: JsonRpcMessage) => "result" in message && message.id === id;
    await until(() => this.received.some(isAnswer), "the answer");
    return this.received.flatMap((message) => "method" in message ? [message.params] : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close();
  }
}

function steps(progressToken: number, total: number): unknown[] {
  return Array.from(
    { length: total },
    (_, index) => ({ progressToken, progress: index + 1, total }),
  );
}

/** A server for each client, and one for all of them. */
const SERVERS = {
  "serve()": (relay: string, tools: ToolServerOptions = {}) => serveTools([relay], {}, tools),
  "NostrServerTransport": async (relay: string, tools: ToolServerOptions = {}) => {
    const signer = PrivateKeySigner.generate();
    const mcp = makeToolServer(tools);
    await mcp.connect(new NostrServerTransport({ signer, relays: [relay] }));
    const publicKey = await signer.getPublicKey();
    return { publicKey, [Symbol.asyncDispose]: () => mcp.close() };
  },
} as const;

for (const { name: relayName, start } of testRelays()) {
  Deno.test(`serve() and NostrClientTransport do everything in the usual modes on ${relayName}`, async () => {
    await using relay = await start();
    await Promise.all(USUAL_MODES.map(async (modes) => {
      await using server = await serveTools([relay.url], modes);
      await using client = await ConnectedClient.open([relay.url], server.publicKey, modes);
      const transcript = await exercise(client.mcp, { short: false, timeoutMs: 10_000 });
      assertEquals({ modes: describe(modes), transcript }, {
        modes: describe(modes),
        transcript: EXPECTED,
      });
    }));
  });

  Deno.test(`serve() and NostrClientTransport do everything through npm:ws on ${relayName}`, async () => {
    await using relay = await start();
    const options = { pool: { webSocket: openWebSocket } };
    await using server = await serveTools([relay.url], options);
    await using client = await ConnectedClient.open([relay.url], server.publicKey, options);
    assertEquals(await exercise(client.mcp, { short: false, timeoutMs: 10_000 }), EXPECTED);
  });

  Deno.test(`serve() answers 20 requests in flight on ${relayName}`, async () => {
    await using relay = await start();
    await using server = await serveTools([relay.url]);
    await using client = await ConnectedClient.open([relay.url], server.publicKey);
    const texts = Array.from({ length: 20 }, (_, index) => `call ${index}`);
    const results = await Promise.all(
      texts.map((text) => client.mcp.callTool({ name: "echo", arguments: { text } })),
    );
    assertEquals(results.map(textOf), texts);
  });

  Deno.test(`NostrClientTransport calls without a handshake in stateless mode on ${relayName}`, async () => {
    await using relay = await start();
    const handshakes: unknown[] = [];
    await using server = await serve((session) => {
      return makeToolServer({ onCall: () => handshakes.push(session.initializeParams) });
    }, { signer: PrivateKeySigner.generate(), relays: [relay.url] });
    const options = { stateless: true };
    await using client = await ConnectedClient.open([relay.url], server.publicKey, options);
    const { tools } = await client.mcp.listTools();
    assert(tools.length > 0);
    const result = await client.mcp.callTool({ name: "echo", arguments: { text: "hello" } });
    assertEquals(textOf(result), "hello");
    assertEquals(handshakes, [undefined]);
  });

  Deno.test(`F36: a one-shot call leaves no stored event on ${relayName}`, async () => {
    await using relay = await start();
    await using server = await serveTools([relay.url]);
    const signer = PrivateKeySigner.generate();
    {
      const options = { signer };
      await using client = await ConnectedClient.open([relay.url], server.publicKey, options);
      await client.mcp.callTool({ name: "echo", arguments: { text: "hello" } });
      assertEquals(client.transport.wrap, 21059);
    }
    await using pool = new RelayPool([relay.url]);
    const keys = [server.publicKey, await signer.getPublicKey()];
    assertEquals(await pool.query([{ "#p": keys }, { authors: keys }]), []);
  });

  for (const [serverName, startServer] of Object.entries(SERVERS)) {
    Deno.test(`F05: ${serverName} keeps the progress of two clients with the same token apart on ${relayName}`, async () => {
      await using relay = await start();
      await using server = await startServer(relay.url);
      await using first = await BareClient.open(relay.url, server.publicKey);
      await using second = await BareClient.open(relay.url, server.publicKey);
      const [one, other] = await Promise.all([first.count(1, 1, 5), second.count(1, 1, 7)]);
      assertEquals(one, steps(1, 5));
      assertEquals(other, steps(1, 7));
    });

    Deno.test(`F21: ${serverName} asks clients that can answer, and learns at once which can't, on ${relayName}`, async () => {
      await using relay = await start();
      await using server = await startServer(relay.url);
      const capabilities = { sampling: {}, elicitation: {}, roots: {} };
      await using able = await ConnectedClient.open(
        [relay.url],
        server.publicKey,
        {},
        { capabilities },
        (client) => {
          client.setRequestHandler(
            CreateMessageRequestSchema,
            () => ANSWERS["sampling/createMessage"],
          );
          client.setRequestHandler(ElicitRequestSchema, () => ANSWERS["elicitation/create"]);
          client.setRequestHandler(ListRootsRequestSchema, () => ANSWERS["roots/list"]);
        },
      );
      await using unable = await ConnectedClient.open([relay.url], server.publicKey);
      for (const [method, answer] of Object.entries(ANSWERS)) {
        const question = { name: "ask", arguments: { method } };
        const answered = await able.mcp.callTool(question);
        assertEquals(JSON.parse(textOf(answered)), answer);
        const refused = await within(
          unable.mcp.callTool(question),
          `the refusal of ${method}`,
          3_000,
        );
        assert(refused.isError === true);
        assertStringIncludes(textOf(refused), "-32601");
        assertStringIncludes(textOf(refused), "has not declared the capability");
      }
    });

    Deno.test(`F20: ${serverName} is told which call was cancelled on ${relayName}`, async () => {
      await using relay = await start();
      const called = Promise.withResolvers<void>();
      const cancelled = Promise.withResolvers<void>();
      await using server = await startServer(relay.url, {
        onCall: () => called.resolve(),
        onCancelled: () => cancelled.resolve(),
      });
      await using client = await ConnectedClient.open([relay.url], server.publicKey);
      const stop = new AbortController();
      const call = failureOf(
        client.mcp.callTool({ name: "wait" }, undefined, { signal: stop.signal }),
      );
      await within(called.promise, "the call");
      stop.abort("changed my mind");
      assertStringIncludes((await call).message, "changed my mind");
      await within(cancelled.promise, "the cancellation");
    });

    Deno.test(`F20: a client is told which question of ${serverName} was withdrawn on ${relayName}`, async () => {
      await using relay = await start();
      const asked = Promise.withResolvers<void>();
      const withdrawn = Promise.withResolvers<void>();
      const stop = new AbortController();
      await using server = await startServer(relay.url, { withdraw: stop.signal });
      await using client = await ConnectedClient.open(
        [relay.url],
        server.publicKey,
        {},
        { capabilities: { sampling: {} } },
        (client) =>
          client.setRequestHandler(CreateMessageRequestSchema, async (_request, { signal }) => {
            const ended = new Promise((resolve) => signal.addEventListener("abort", resolve));
            asked.resolve();
            await ended;
            withdrawn.resolve();
            return ANSWERS["sampling/createMessage"];
          }),
      );
      const method = "sampling/createMessage";
      const call = client.mcp.callTool({ name: "ask", arguments: { method } });
      await within(asked.promise, "the question");
      stop.abort("not needed any more");
      await within(withdrawn.promise, "the withdrawal");
      assertStringIncludes(textOf(await call), "not needed any more");
    });

    Deno.test(`F05: ${serverName} sends progress for the token 0 on ${relayName} (W7)`, async () => {
      await using relay = await start();
      await using server = await startServer(relay.url);
      await using client = await BareClient.open(relay.url, server.publicKey);
      assertEquals(await client.count(0, 0, 3), steps(0, 3));
    });
  }
}

/** What a client that can answer says. */
const ANSWERS = {
  "sampling/createMessage": {
    role: "assistant",
    model: "none",
    content: { type: "text", text: "something" },
  },
  "elicitation/create": { action: "accept", content: { name: "Ada" } },
  "roots/list": { roots: [{ uri: "file:///home", name: "home" }] },
} as const;
