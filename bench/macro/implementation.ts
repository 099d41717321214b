/**
 * An implementation of ContextVM, as the benchmark uses it.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import type { Client } from "@modelcontextprotocol/sdk/client";
import type { Side, Variant } from "./task.ts";

/** What each implementation can do. */
export interface Implementation {
  /** Starts the server of the benchmark; returns its public key. */
  startServer(side: Side): Promise<string>;
  /** Connects a client to a server. */
  connectClient(side: Side, server: string): Promise<BenchClient>;
}

/** A client that is connected. */
export interface BenchClient {
  readonly client: Client;
  /** Calls a tool with a stream beside it. */
  stream(
    call: { readonly name: string; readonly arguments: Record<string, unknown> },
  ): Promise<{ readonly stream: AsyncIterable<string>; readonly result: Promise<unknown> }>;
}

/** Loads the one that a variant means. */
export async function loadImplementation({ library }: Variant): Promise<Implementation> {
  return library === "ours" ? await import("./ours.ts") : await import("./sdk.ts");
}
