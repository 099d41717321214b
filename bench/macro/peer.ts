/**
 * One side of the benchmark, in a process of its own, on Deno or bundled for Node.js: `peer.ts
 * TASK`, a {@linkcode Task} as JSON. A server prints its public key and runs until it is ended; a
 * client measures and prints one JSON line.
 */
import process from "node:process";
import { loadImplementation } from "./implementation.ts";
import { runScenario } from "./scenarios.ts";
import type { Task } from "./task.ts";

const task: Task = JSON.parse(process.argv[2] ?? "{}");
if (task.role === "server") {
  const { startServer } = await loadImplementation(task.variant);
  console.log(await startServer(task));
  // A runtime without anything to wait for would end.
  setInterval(() => undefined, 3_600_000);
} else {
  console.log(JSON.stringify(await runScenario(task)));
  process.exit(0);
}
