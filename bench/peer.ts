/**
 * One side of the round-trip benchmark, in a process of its own:
 * `peer.ts server|client ours|ours-builtin|ours-wasm|ours-native|sdk RELAY plain|encrypted [SERVER]`.
 *
 * A server prints its public key and runs until it is ended. A client measures
 * and prints one JSON line.
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import process from "node:process";
import * as z from "zod";
import { makeEngine } from "./_engine.ts";
import { openWebSocket } from "../cli/websocket.ts";
import { formatNsec, generateKey, PrivateKeySigner } from "../crypto/mod.ts";
import { NostrClientTransport } from "../transport/client.ts";
import { serve } from "../transport/server.ts";

const WARM_UP = 50;
const SEQUENTIAL = 100;
const IN_FLIGHT = 64;
const CONCURRENT_MS = 3_000;

const [role, implementation, relay = "", mode, serverKey = ""] = Deno.args;
const encryption = mode === "plain" ? "disabled" as const : "required" as const;
const engine = await makeEngine(implementation?.replace(/^ours-/, ""));
const pool = implementation === "ours-builtin" ? {} : { webSocket: openWebSocket };

function makeServer(): McpServer {
  const server = new McpServer({ name: "bench", version: "1.0.0" });
  server.registerTool(
    "echo",
    { inputSchema: { text: z.string() } },
    ({ text }) => ({ content: [{ type: "text", text }] }),
  );
  return server;
}

/** The SDK's transports, loaded only where they are measured. */
async function sdk(key: Uint8Array) {
  const { EncryptionMode, NostrClientTransport, NostrServerTransport, PrivateKeySigner } =
    await import("@contextvm/sdk");
  const hex = [...key].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const options = {
    signer: new PrivateKeySigner(hex),
    relayHandler: [relay],
    encryptionMode: mode === "plain" ? EncryptionMode.DISABLED : EncryptionMode.REQUIRED,
    bootstrapRelayUrls: [],
    discoveryRelayUrls: [],
    logLevel: "silent" as const,
  };
  return { options, NostrClientTransport, NostrServerTransport };
}

async function runServer(): Promise<void> {
  const key = generateKey();
  const signer = new PrivateKeySigner(formatNsec(key), { engine });
  if (implementation === "sdk") {
    const { options, NostrServerTransport } = await sdk(key);
    await makeServer().connect(new NostrServerTransport(options));
  } else {
    // One client calls as often as it can: more than a server grants by default.
    const limits = { maxMessagesPerSecond: 1_000_000 };
    await serve(makeServer, { signer, engine, relays: [relay], pool, encryption, limits });
  }
  console.log(signer.pubkey);
  await new Promise<never>(() => {});
}

async function runClient(): Promise<void> {
  const client = new Client({ name: "bench", version: "1.0.0" });
  const key = generateKey();
  if (implementation === "sdk") {
    const { options, NostrClientTransport } = await sdk(key);
    await client.connect(new NostrClientTransport({ ...options, serverPubkey: serverKey }));
  } else {
    const signer = new PrivateKeySigner(formatNsec(key), { engine });
    const transport = new NostrClientTransport({
      signer,
      engine,
      server: serverKey,
      relays: [relay],
      pool,
      encryption,
    });
    await client.connect(transport);
  }
  let count = 0;
  const call = async () => {
    await client.callTool({ name: "echo", arguments: { text: `message ${count++}` } });
  };
  for (let i = 0; i < WARM_UP; i++) await call();
  const times: number[] = [];
  for (let i = 0; i < SEQUENTIAL; i++) {
    const started = performance.now();
    await call();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  const before = process.cpuUsage();
  const first = count;
  const started = performance.now();
  const isOver = () => performance.now() - started >= CONCURRENT_MS;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (!isOver()) await call();
  }));
  const calls = count - first;
  const callsPerSecond = calls / ((performance.now() - started) / 1_000);
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1_000 / calls;
  console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), callsPerSecond, cpuMs }));
  Deno.exit(0);
}

await (role === "server" ? runServer() : runClient());
