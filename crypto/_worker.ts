/**
 * A worker of {@linkcode CryptoWorkers}: a module that is run in a thread of
 * its own, not imported.
 *
 * @module
 */
import { serveWorker } from "./worker_scope.ts";

serveWorker(globalThis);
