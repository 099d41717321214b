/**
 * Relays for tests: one in memory that records everything and misbehaves on
 * request, and the protocol engine behind it, which any transport can carry.
 * And the conformance suite, for whoever implements ContextVM.
 *
 * @module
 */
export {
  createFetch,
  createWebSocketFactory,
  MemoryNetwork,
  MemoryRelay,
  type MemoryRelayOptions,
  type RecordedFrame,
  type UntilOptions,
} from "./memory_relay.ts";
export {
  type Delivery,
  type DeliveryAction,
  type Refusal,
  RelayFaults,
  type RelayFaultSettings,
} from "./faults.ts";
export type {
  RelayClient,
  RelayClientConnection,
  RelayConnectOptions,
  RelayEndpoint,
  RelaySubscription,
} from "./endpoint.ts";
export { RelayEngine, type RelayEngineOptions } from "./relay_engine.ts";
export { MemoryEventStore, type MemoryEventStoreOptions } from "./memory_store.ts";
export { type AddResult, type EventStore, type KindClass, kindClass } from "./store.ts";
export { DEFAULT_RELAY_LIMITS, type RelayLimits } from "./limits.ts";
export type { RequireAuth } from "./authentication.ts";
export type { RelayDescription, RelayInformation, RelayLimitation } from "./information.ts";
export {
  conformanceCases,
  type ConformanceOptions,
  type ConformanceReport,
  type ConformanceResult,
  runConformance,
} from "./conformance/run.ts";
export type {
  ConformanceCase,
  ConformanceClientOptions,
  ConformanceModes,
  ConformancePart,
  ConformanceRelay,
  ConformanceRunOptions,
  ConformanceServer,
  ConformanceServerOptions,
  ConformanceTriple,
} from "./conformance/target.ts";
export { ConformanceFailure } from "./conformance/failure.ts";
export type { EventTemplate, NostrEvent } from "../../crypto/event.ts";
export type { Filter } from "../relay/filter.ts";
export type { WebSocketFactory, WebSocketHandler, WebSocketLike } from "../relay/websocket.ts";
