/**
 * Finding servers and being found: announcements (CEP-6), common tool schemas
 * (CEP-15), relay lists (CEP-17), profiles and notes (CEP-23) and reviews
 * (CEP-24).
 *
 * @module
 */
export {
  type Announcement,
  type AnnouncementLookupOptions,
  fetchAnnouncement,
} from "./announcement.ts";
export {
  type AnnouncementReceipt,
  type AnnounceOptions,
  Announcer,
  type AnnouncerOptions,
} from "./announcer.ts";
export {
  COMMON_SCHEMA,
  type SchemaCheck,
  type SchemaVerdict,
  type ToolSchema,
  toolSchemaHash,
  verifyCommonSchemas,
} from "./common_schema.ts";
export { type DescribeOptions, describeServer, type ServerDescription } from "./describe_server.ts";
export {
  discover,
  type DiscoveredServer,
  type DiscoverOptions,
  type PriceFilter,
  type ServerFilter,
} from "./discover.ts";
export type { PublicList, PublicServer } from "./public_server.ts";
export {
  DEFAULT_DISCOVERY_RELAYS,
  fetchRelayList,
  type ListedRelay,
  type LookupOptions,
  type RelayList,
  type RelayListLookupOptions,
} from "./relay_list.ts";
export { type CommonSchemaOptions, commonSchemas } from "./schema_decorator.ts";
export type { DecoratedResult, ResultDecorator } from "../session/result_decorator.ts";
export type { Price } from "../wire/prices.ts";
export { withdrawEvents, type WithdrawOptions } from "./deletion.ts";
export type { ListOptions, ReadOptions } from "./list_options.ts";
export { listNotes, type Note, type NoteDraft, publishNote } from "./notes.ts";
export {
  fetchProfile,
  type Profile,
  type ProfileMetadata,
  publishProfile,
  type PublishProfileOptions,
} from "./profile.ts";
export type { EventReceipt, SignedPublishOptions } from "./publish_event.ts";
export {
  listReviews,
  type ListReviewsOptions,
  publishReview,
  type ReplyDraft,
  replyToReview,
  type ReviewDraft,
} from "./reviews.ts";
export type { Review, ReviewThreads } from "./review_threads.ts";
