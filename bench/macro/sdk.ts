/**
 * `@contextvm/sdk`, as the benchmark uses it.
 *
 * @module
 */
import {
  callToolStream,
  EncryptionMode,
  NostrClientTransport,
  NostrServerTransport,
  PrivateKeySigner,
} from "@contextvm/sdk";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import { bytesToHex } from "@noble/hashes/utils.js";
import { generateKey, getPublicKey } from "../../crypto/mod.ts";
import type { BenchClient } from "./implementation.ts";
import { makeServer, type StreamSink } from "./mcp_server.ts";
import type { Side } from "./task.ts";

function options({ relays, mode, streams }: Side) {
  const key = generateKey();
  return {
    publicKey: getPublicKey(key),
    common: {
      signer: new PrivateKeySigner(bytesToHex(key)),
      relayHandler: [...relays],
      encryptionMode: mode === "plain" ? EncryptionMode.DISABLED : EncryptionMode.REQUIRED,
      // With streams switched on, it never answers a call with a token beside which nothing streams.
      openStream: { enabled: streams },
      logLevel: "silent" as const,
    },
  };
}

/** Starts the server; returns its public key. */
export async function startServer(side: Side): Promise<string> {
  const { publicKey, common } = options(side);
  await makeServer(({ _meta }) => sinkOf(_meta?.stream)).connect(
    new NostrServerTransport({ ...common, bootstrapRelayUrls: [], maxSessions: 4_000 }),
  );
  return publicKey;
}

/** Connects one client. */
export async function connectClient(side: Side, server: string): Promise<BenchClient> {
  const { common } = options(side);
  const transport = new NostrClientTransport({
    ...common,
    serverPubkey: server,
    discoveryRelayUrls: [],
  });
  const client = new Client({ name: "bench", version: "1.0.0" }, {
    capabilities: { roots: { listChanged: true } },
  });
  await client.connect(transport);
  return {
    client,
    stream: async ({ name, arguments: args }) => {
      // Their types name another package of the same client.
      const theirs = client as unknown as Parameters<typeof callToolStream>[0]["client"];
      const { stream, result } = await callToolStream({
        client: theirs,
        transport,
        name,
        arguments: args,
      });
      return { stream: values(stream), result };
    },
  };
}

async function* values(stream: AsyncIterable<{ readonly value: string }>): AsyncGenerator<string> {
  for await (const { value } of stream) yield value;
}

function sinkOf(stream: unknown): StreamSink {
  const isSink = (value: object): value is StreamSink => "write" in value;
  if (typeof stream !== "object" || stream === null || !isSink(stream)) {
    throw new Error("the call has no stream");
  }
  return stream;
}
