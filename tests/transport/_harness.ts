/**
 * What the transport tests stand on: one relay in memory, an MCP server with a
 * tool for each behaviour, and a peer that writes its events by hand.
 */
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import * as z from "zod";
import {
  type EventTemplate,
  type NostrEvent,
  PrivateKeySigner,
  unwrapEvent,
  wrapEvent,
} from "../../crypto/mod.ts";
import { NostrClientTransport, type NostrClientTransportOptions } from "../../transport/client.ts";
import type { RelayPoolOptions } from "../../transport/relay/pool.ts";
import type { MemoryRelay } from "../../transport/testing/mod.ts";

export const RELAY_URL = "wss://relay.test";

/** How to reach a relay in memory, and nothing else. */
export function poolOptions(relay: { webSocket: RelayPoolOptions["webSocket"] }): RelayPoolOptions {
  return {
    webSocket: relay.webSocket,
    fetchRelayInfo: () => Promise.resolve(undefined),
    connectTimeoutMs: 1_000,
    backoff: { initialMs: 5, maxMs: 20 },
  };
}

/** The options that a server or client on this relay needs beside its key. */
export function network(relay: MemoryRelay) {
  return { relays: [relay.url], pool: poolOptions(relay) };
}

/** What the fixture server was asked to do. */
export interface Log {
  /** The messages that `echo` was called with. */
  echoed: string[];
  /** How often `slow` was started and cancelled. */
  started: number;
  cancelled: number;
}

/** An MCP server with a tool for each behaviour. */
export function fixtureServer(log: Log = { echoed: [], started: 0, cancelled: 0 }): McpServer {
  const server = new McpServer({ name: "fixture", version: "1.0.0" }, {
    capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } },
  });
  server.registerTool("echo", { inputSchema: { message: z.string() } }, ({ message }) => {
    log.echoed.push(message);
    return { content: [{ type: "text", text: message }] };
  });
  server.registerTool("fail", {}, () => {
    throw new Error("this tool always fails");
  });
  server.registerTool("count", { inputSchema: { to: z.number() } }, async ({ to }, extra) => {
    const progressToken = extra._meta?.progressToken;
    for (let progress = 1; progress <= to && progressToken !== undefined; progress++) {
      await extra.sendNotification({
        method: "notifications/progress",
        params: { progressToken, progress, total: to },
      });
    }
    return { content: [{ type: "text", text: String(to) }] };
  });
  server.registerTool("slow", {}, async (extra) => {
    log.started += 1;
    await new Promise<void>((resolve) => extra.signal.addEventListener("abort", () => resolve()));
    log.cancelled += 1;
    return { content: [] };
  });
  server.registerTool("ask", {}, async (extra) => {
    const { content } = await extra.sendRequest({
      method: "sampling/createMessage",
      params: {
        messages: [{ role: "user", content: { type: "text", text: "and you?" } }],
        maxTokens: 10,
      },
    }, z.looseObject({ content: z.looseObject({ text: z.string() }) }));
    return { content: [{ type: "text", text: content.text }] };
  });
  server.registerResource("doc", "test://doc", {}, () => ({
    contents: [{ uri: "test://doc", text: "a document" }],
  }));
  return server;
}

/** An MCP client; with `sampling`, it answers the server's questions so. */
export function makeClient(sampling?: string): Client {
  if (sampling === undefined) return new Client({ name: "test", version: "1.0.0" });
  const client = new Client({ name: "test", version: "1.0.0" }, { capabilities: { sampling: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: "none",
    role: "assistant",
    content: { type: "text", text: sampling },
  }));
  return client;
}

/** Connects a client with a key of its own. */
export async function connect(
  relay: MemoryRelay,
  server: string,
  options: Partial<NostrClientTransportOptions> = {},
  client: Client = makeClient(),
) {
  const transport = new NostrClientTransport({
    signer: PrivateKeySigner.generate(),
    server,
    handshakeTimeoutMs: 2_000,
    ...network(relay),
    ...options,
  });
  await client.connect(transport);
  return { client, transport, [Symbol.asyncDispose]: () => client.close() };
}

/** The text of a tool's result. */
export function textOf(result: unknown): string | undefined {
  const content = (result as { content?: { text?: string }[] }).content;
  return content?.[0]?.text;
}

/** Waits until a condition holds; fails with `what` when it does not in time. */
export async function until(what: string, condition: () => boolean, timeoutMs = 3_000) {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`this did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A peer that writes its events by hand, on a bare socket. */
export class RawPeer implements AsyncDisposable {
  readonly received: NostrEvent[] = [];
  readonly signer: PrivateKeySigner;
  readonly pubkey: string;
  readonly #socket: ReturnType<MemoryRelay["webSocket"]>;

  private constructor(relay: MemoryRelay, signer: PrivateKeySigner) {
    this.signer = signer;
    this.pubkey = signer.pubkey;
    this.#socket = relay.webSocket(relay.url);
  }

  static async open(
    relay: MemoryRelay,
    signer: PrivateKeySigner = PrivateKeySigner.generate(),
  ): Promise<RawPeer> {
    const peer = new RawPeer(relay, signer);
    await new Promise<void>((resolve) => peer.#socket.onopen = () => resolve());
    await new Promise<void>((resolve) => {
      peer.#socket.onmessage = ({ data }) => {
        const frame = JSON.parse(String(data));
        if (frame[0] === "EVENT") peer.received.push(frame[2]);
        else if (frame[0] === "EOSE") resolve();
      };
      peer.#socket.send(JSON.stringify(["REQ", "inbox", { "#p": [peer.pubkey] }]));
    });
    return peer;
  }

  /** A signed message event to a server. */
  message(to: string, message: unknown, change: Partial<EventTemplate> = {}): Promise<NostrEvent> {
    return this.signer.signEvent({
      kind: 25910,
      created_at: Math.floor(Date.now() / 1000),
      tags: [["p", to]],
      content: JSON.stringify(message),
      ...change,
    });
  }

  publish(event: NostrEvent): void {
    this.#socket.send(JSON.stringify(["EVENT", event]));
  }

  wrap(inner: NostrEvent, to: string, kind: 1059 | 21059 = 21059): NostrEvent {
    return wrapEvent(inner, to, { kind });
  }

  /** Everything that came in gift wraps, opened. */
  async opened(): Promise<NostrEvent[]> {
    const wraps = this.received.filter(({ kind }) => kind !== 25910);
    return await Promise.all(wraps.map((wrap) => unwrapEvent(wrap, this.signer)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    return Promise.resolve();
  }
}
