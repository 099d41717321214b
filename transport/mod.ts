/**
 * MCP over Nostr: listeners and sessions, client and server transports, relays
 * and discovery. Pure web standard: the same modules run in Deno, browsers,
 * Node, Bun and workers.
 *
 * @module
 */
export {
  type Announcement,
  type AnnouncementLookupOptions,
  type AnnouncementReceipt,
  type AnnounceOptions,
  Announcer,
  type AnnouncerOptions,
  COMMON_SCHEMA,
  type CommonSchemaOptions,
  commonSchemas,
  type DecoratedResult,
  DEFAULT_DISCOVERY_RELAYS,
  type DescribeOptions,
  describeServer,
  discover,
  type DiscoveredServer,
  type DiscoverOptions,
  type EventReceipt,
  fetchAnnouncement,
  fetchProfile,
  fetchRelayList,
  type ListedRelay,
  listNotes,
  type ListOptions,
  listReviews,
  type ListReviewsOptions,
  type LookupOptions,
  type Note,
  type NoteDraft,
  type Price,
  type PriceFilter,
  type Profile,
  type ProfileMetadata,
  type PublicList,
  type PublicServer,
  publishNote,
  publishProfile,
  type PublishProfileOptions,
  publishReview,
  type ReadOptions,
  type RelayList,
  type RelayListLookupOptions,
  type ReplyDraft,
  replyToReview,
  type ResultDecorator,
  type Review,
  type ReviewDraft,
  type ReviewThreads,
  type SchemaCheck,
  type SchemaVerdict,
  type ServerDescription,
  type ServerFilter,
  type SignedPublishOptions,
  type ToolSchema,
  toolSchemaHash,
  verifyCommonSchemas,
  withdrawEvents,
  type WithdrawOptions,
} from "./discovery/mod.ts";
export {
  NostrClientTransport,
  type NostrClientTransportOptions,
  type StreamCall,
  type StreamCallOptions,
} from "./client.ts";
export {
  listen,
  type Listener,
  type ListenOptions,
  type McpServerLike,
  type NostrServer,
  NostrServerTransport,
  serve,
  type ServeOptions,
  type ServerInfo,
} from "./server.ts";
export type { AccessOptions, AccessRequest, Capability, KeySet } from "./session/access.ts";
export { DEFAULT_LIMITS, type SessionLimits } from "./session/limits.ts";
export type { DrainOptions } from "./session/listener.ts";
export type { EncryptionMode, Features, GiftWrapMode } from "./session/modes.ts";
export type {
  ObservedRequest,
  RequestObserver,
  RequestOutcome,
  SettledRequest,
} from "./session/observer.ts";
export type { KeptEvents, ReplayMemory } from "./session/replay_guard.ts";
export type { RequestContext, Session } from "./session/session.ts";
export type { OpenStream } from "./transfer/open_stream.ts";
export type { StreamLimits, TransferLimits } from "./transfer/limits.ts";
export type { Filter } from "./relay/filter.ts";
export type { RelayInfo, RelayLimitation } from "./relay/nip11.ts";
export {
  type PublishOptions,
  type PublishReceipt,
  RelayPool,
  type RelayPoolOptions,
  type RelaySubscription,
  type SubscribeOptions,
  type SubscriptionHandlers,
} from "./relay/pool.ts";
export type { RelayState, RelayStatus } from "./relay/status.ts";
export type { EventOrigin, QueryOptions, WaitOptions } from "./relay/options.ts";
export { normalizeRelayUrl } from "./relay/url.ts";
export type { WebSocketFactory, WebSocketLike } from "./relay/websocket.ts";
export type {
  JsonRpcError,
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  JsonRpcResult,
  ProgressToken,
  RequestId,
  Transport,
  TransportSendOptions,
} from "./types.ts";
export { type BunkerAddress, parseBunkerAddress } from "./signer/bunker_address.ts";
export { BunkerSigner, type BunkerSignerOptions } from "./signer/bunker_signer.ts";
export type { Tags } from "./wire/tags.ts";
