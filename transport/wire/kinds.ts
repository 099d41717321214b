/**
 * The event kinds of ContextVM.
 *
 * @module
 */

/** Every ContextVM message; ephemeral (specification). */
export const MESSAGE_KIND = 25910;
export { EPHEMERAL_GIFT_WRAP_KIND, GIFT_WRAP_KIND } from "../../crypto/gift_wrap.ts";
/** A server's announcement: its `initialize` result (CEP-6). */
export const SERVER_ANNOUNCEMENT_KIND = 11316;
/** A server's tools (CEP-6). */
export const TOOLS_LIST_KIND = 11317;
/** A server's resources (CEP-6). */
export const RESOURCES_LIST_KIND = 11318;
/** A server's resource templates (CEP-6). */
export const RESOURCE_TEMPLATES_LIST_KIND = 11319;
/** A server's prompts (CEP-6). */
export const PROMPTS_LIST_KIND = 11320;
/** The relays on which a key can be reached (NIP-65, CEP-17). */
export const RELAY_LIST_KIND = 10002;
/** Who a key is, for people (NIP-01, CEP-23). */
export const PROFILE_KIND = 0;
/** A short text note (NIP-10, CEP-23). */
export const NOTE_KIND = 1;
/** A comment; on a server's announcement, a review (NIP-22, CEP-24). */
export const COMMENT_KIND = 1111;
/** A request to delete events (NIP-09). */
export const DELETION_KIND = 5;
/** A message between an application and its remote signer; ephemeral (NIP-46). */
export const BUNKER_KIND = 24133;
