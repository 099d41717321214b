/**
 * The embedded relay.
 *
 * @module
 */
export { type ServedRelay, serveRelay, type ServeRelayOptions } from "./serve_relay.ts";
export { SqliteEventStore, type SqliteEventStoreOptions } from "./sqlite_store.ts";
