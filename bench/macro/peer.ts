/**
 * One side of the benchmark, in a process of its own, on Deno or bundled for Node.js: `peer.ts
 * TASK`, a {@linkcode Task} as JSON. A server prints its public key and runs until it is ended; a
 * client measures and prints one JSON line.
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import type { Client } from "@modelcontextprotocol/sdk/client";
import process from "node:process";
import { runScenario } from "./scenarios.ts";
import type { Task } from "./task.ts";

/** A client that is connected. */
export interface BenchClient {
  readonly client: Client;
  /** Calls a tool with a stream beside it. */
  stream(
    call: { readonly name: string; readonly arguments: Record<string, unknown> },
  ): Promise<{ readonly stream: AsyncIterable<string>; readonly result: Promise<unknown> }>;
}

async function startServer(task: Task & { readonly role: "server" }): Promise<string> {
  if (task.variant.library === "ours") return await (await import("./ours.ts")).startServer(task);
  return await (await import("./sdk.ts")).startServer(task);
}

const task: Task = JSON.parse(process.argv[2] ?? "{}");
if (task.role === "server") {
  console.log(await startServer(task));
  // A runtime without anything to wait for would end.
  setInterval(() => undefined, 3_600_000);
} else {
  console.log(JSON.stringify(await runScenario(task)));
  process.exit(0);
}
