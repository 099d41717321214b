/**
 * A server and a client with throw-away keys, which meet on one relay.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/server"
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { CallToolRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { EPHEMERAL_GIFT_WRAP_KIND, wrapEvent } from "../../../crypto/gift_wrap.ts";
import { PrivateKeySigner } from "../../../crypto/private_key_signer.ts";
import { NostrClientTransport } from "../../../transport/client.ts";
import { RelayPool, type RelayPoolOptions } from "../../../transport/relay/pool.ts";
import { serve } from "../../../transport/server.ts";
import { MESSAGE_KIND } from "../../../transport/wire/kinds.ts";
import type { CliIo } from "../../io.ts";
import { VERSION } from "../../version.ts";
import type { Draft } from "./figures.ts";
import { type BenchPlan, measureCalls, middleOf, since } from "./measure.ts";

/** How many events a relay takes for the time until its OK, at most. */
const PUBLISHED = 5;
/** What the client may do to the server: it is our own. */
const LIMITS = { maxMessagesPerSecond: 1_000_000, maxInFlight: 1_024 };

/** What an echo works with. */
export interface EchoOptions extends BenchPlan {
  /** The relay. */
  readonly relay: string;
  /** Which gift wraps carry encrypted messages. */
  readonly giftWrap: "ephemeral" | "persistent";
  /** How to connect. */
  readonly pool: RelayPoolOptions;
  /** How long to wait for an answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** Measures one relay: connects, publishes, and makes a client call a server over it. */
export async function measureRelay(draft: Draft, options: EchoOptions, io: CliIo): Promise<void> {
  await measurePublishing(draft, options, io);
  const { relay, pool, giftWrap, timeoutMs } = options;
  const { engine, signal } = io;
  const common = {
    engine,
    pool,
    relays: [relay],
    giftWrap,
    encryption: draft.mode === "plain" ? "disabled" : "required",
  } as const;
  const signer = PrivateKeySigner.generate({ engine });
  const own = PrivateKeySigner.generate({ engine });
  await using server = await serve(makeServer, {
    signer,
    limits: LIMITS,
    // Whoever sees the relay's traffic, and its operator first, could call it too.
    access: { allow: new Set([own.pubkey]) },
    ...common,
  });
  const client = new Client({ name: "cvm-bench", version: VERSION });
  const call = async (bytes: number) => {
    await client.callTool({ name: "echo", arguments: { bytes } }, undefined, {
      timeout: timeoutMs,
      signal,
    });
  };
  try {
    const transport = new NostrClientTransport({
      signer: own,
      server: server.publicKey,
      ...common,
    });
    await client.connect(transport, { timeout: timeoutMs, signal });
    await measureCalls(draft, { call: () => call(20), answer: call }, options);
  } finally {
    await client.close();
  }
}

/** The time until a relay is connected to, and until it has taken an event that nobody waits for. */
async function measurePublishing(draft: Draft, options: EchoOptions, io: CliIo): Promise<void> {
  const { engine, signal } = io;
  const signer = PrivateKeySigner.generate({ engine });
  await using pool = new RelayPool([options.relay], { ...options.pool, signer });
  const started = performance.now();
  await pool.ready({ signal });
  draft.connectMs = since(started);
  let count = 0;
  draft.publishMs = await middleOf(Math.min(PUBLISHED, options.calls), async () => {
    const inner = await signer.signEvent({
      kind: MESSAGE_KIND,
      created_at: Math.floor(Date.now() / 1_000),
      tags: [["p", signer.pubkey]],
      content: `{"jsonrpc":"2.0","method":"notifications/cvm-bench","params":{"count":${count++}}}`,
    });
    const event = draft.mode === "plain"
      ? inner
      : wrapEvent(inner, signer.pubkey, { kind: EPHEMERAL_GIFT_WRAP_KIND, engine });
    await pool.publish(event, { signal });
  });
}

/** An MCP server whose one tool answers with as many bytes as it is asked for. */
function makeServer(): Server {
  const server = new Server({ name: "cvm-bench", version: VERSION }, {
    capabilities: { tools: {} },
  });
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => ({
    content: [{ type: "text", text: "x".repeat(Number(params.arguments?.bytes ?? 0)) }],
  }));
  return server;
}
