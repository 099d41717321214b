/**
 * A worker of the command line, with `node:crypto` beside its engine: a module
 * that is run in a thread of its own, not imported.
 *
 * @module
 */
import { serveWorker } from "../../crypto/worker_scope.ts";
import { nodeSymmetric } from "./node_symmetric.ts";

serveWorker(globalThis, nodeSymmetric);
