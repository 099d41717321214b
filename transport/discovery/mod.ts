/**
 * Publishing and finding what is public about servers: profiles and notes
 * (CEP-23), reviews (CEP-24).
 *
 * @module
 */
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
