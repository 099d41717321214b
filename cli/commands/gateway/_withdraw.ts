/**
 * `cvm gateway --delete-announcement`: takes back what was announced.
 *
 * @module
 */
import { formatNpub } from "../../../crypto/keys.ts";
import { RelayError } from "../../../errors.ts";
import { type AnnounceOptions, Announcer } from "../../../transport/discovery/announcer.ts";
import { RelayPool, type RelayPoolOptions } from "../../../transport/relay/pool.ts";
import { localConnection } from "../../../transport/session/local_session.ts";
import type { Output } from "../../output.ts";
import type { GatewayPlan } from "./_plan.ts";

/** Where announcements are taken back. */
export interface WithdrawOptions {
  /** The relays of the server. */
  readonly relays: readonly string[];
  /** How they are reached. */
  readonly pool: RelayPoolOptions;
  /** Where else it was announced. */
  readonly announce: AnnounceOptions;
  /** Where the result goes. */
  readonly output: Output;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/**
 * Deletes the announcement of each server from all relays that hold it.
 *
 * @throws {RelayError} When no relay works, or none took a deletion.
 */
export async function withdrawAnnouncements(
  plans: readonly GatewayPlan[],
  { relays, pool: poolOptions, announce, output, signal }: WithdrawOptions,
): Promise<void> {
  for (const { label, key: { signer }, profile } of plans) {
    signal.throwIfAborted();
    await using pool = new RelayPool(relays, { signer, ...poolOptions });
    await pool.ready({ signal });
    // Nobody is asked what there is to delete: the relays know.
    const { client: source } = localConnection(signer.pubkey, "withdrawal");
    await using announcer = new Announcer({
      ...announce,
      profile,
      source,
      signer,
      pool,
      poolOptions,
      serverTags: [],
    });
    const { published, failures } = await announcer.withdraw();
    const [deletion] = published;
    if (deletion === undefined && failures.length > 0) {
      throw new RelayError("PUBLISH_REFUSED", "no relay took the deletion", failures);
    }
    const npub = formatNpub(signer.pubkey);
    const kinds = deletion?.tags.flatMap(([name, kind]) => name === "k" ? [Number(kind)] : []) ??
      [];
    await output.result(
      { server: label, npub, deleted: kinds, failures },
      () =>
        kinds.length === 0
          ? `${label}: nothing of ${npub} is announced`
          : `${label}: deleted kinds ${kinds.join(", ")} of ${npub}`,
    );
  }
}
