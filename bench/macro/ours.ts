/**
 * Ours, as the benchmark uses it. Plain enough for Node.js.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import { openWebSocket } from "../../cli/websocket.ts";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrClientTransport, type NostrClientTransportOptions } from "../../transport/client.ts";
import { RelayPool } from "../../transport/relay/pool.ts";
import { NostrServerTransport, serve } from "../../transport/server.ts";
import { makeEngine } from "../_engine.ts";
import type { BenchClient } from "./implementation.ts";
import { makeServer } from "./mcp_server.ts";
import type { Side } from "./task.ts";

/** One client calls as often as it can, and there are many: more than a server grants by default. */
const LIMITS = { maxMessagesPerSecond: 1_000_000, maxInFlight: 4_000, maxSessions: 4_000 };

async function options({ variant, relays, mode }: Side) {
  const engine = await makeEngine(variant.engine);
  return {
    engine,
    relays,
    pool: {
      // A relay that is not ours may take long with many events: that is a figure, no failure.
      publishTimeoutMs: 60_000,
      ...(variant.socket === "ws" ? { webSocket: openWebSocket } : {}),
    },
    encryption: mode === "plain" ? "disabled" as const : "required" as const,
    limits: LIMITS,
  };
}

/** Starts the server; returns its public key. */
export async function startServer(side: Side): Promise<string> {
  const common = await options(side);
  const signer = PrivateKeySigner.generate({ engine: common.engine });
  if (side.variant.shared) {
    const transport = new NostrServerTransport({ signer, ...common });
    await makeServer(({ requestId }) => {
      const session = transport.sessionOf(requestId);
      if (session === undefined) throw new Error("the call has no session");
      return session.openStream(requestId);
    }).connect(transport);
  } else {
    await serve(
      (session) => makeServer(({ requestId }) => session.openStream(requestId)),
      { signer, ...common },
    );
  }
  return signer.pubkey;
}

/** Connects one client. */
export async function connectClient(side: Side, server: string): Promise<BenchClient> {
  return await connect({ ...await options(side), server });
}

/** Many clients, ten to a connection: each with one of its own would measure sockets. */
export async function connectClients(
  side: Side,
  { server, count }: { readonly server: string; readonly count: number },
): Promise<BenchClient[]> {
  const clients: BenchClient[] = [];
  const common = await options(side);
  while (clients.length < count) {
    const relays = new RelayPool(common.relays, common.pool);
    const size = Math.min(10, count - clients.length);
    const some = Array.from({ length: size }, () => connect({ ...common, relays, server }));
    clients.push(...await Promise.all(some));
  }
  return clients;
}

async function connect(
  common: Omit<NostrClientTransportOptions, "signer">,
): Promise<BenchClient> {
  const signer = PrivateKeySigner.generate({ engine: common.engine });
  const transport = new NostrClientTransport({ signer, ...common });
  const client = new Client({ name: "bench", version: "1.0.0" }, {
    capabilities: { roots: { listChanged: true } },
  });
  await client.connect(transport);
  return {
    client,
    stream: ({ name, arguments: args }) =>
      Promise.resolve(transport.streamCall("tools/call", { name, arguments: args })),
  };
}
