/**
 * `cvm announce show`: what is published, and where.
 *
 * @module
 */
import type { NostrEvent } from "../../../crypto/event.ts";
import { formatNpub } from "../../../crypto/keys.ts";
import { CvmError, RelayError, type RelayFailure } from "../../../errors.ts";
import { ANNOUNCEMENT_KINDS } from "../../../transport/discovery/public_server.ts";
import { newestGenuine } from "../../../transport/discovery/relay_list.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { PROFILE_KIND, RELAY_LIST_KIND } from "../../../transport/wire/kinds.ts";
import { loadConfig } from "../../config.ts";
import { lookupPoolOptions } from "../../connection.ts";
import type { CliIo } from "../../io.ts";
import { lookupRelays } from "../../lookup_relays.ts";
import type { Output } from "../../output.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { resolveServer } from "../../server_address.ts";
import type { AnnounceCommonArguments, AnnounceShowArguments } from "./command.ts";
import { eventLines } from "./events.ts";
import { demandKey } from "./owner.ts";

/** Shows what relays have of a server. */
export async function showAnnouncement(
  args: AnnounceShowArguments,
  io: CliIo,
  output: Output,
): Promise<void> {
  const { server } = args;
  const { publicKey, hints } = server === undefined
    ? { publicKey: (await demandKey(args, io)).signer.pubkey, hints: [] }
    : await resolveServer(server, {
      config: await loadConfig(io),
      fetch: io.fetch,
      signal: io.signal,
      timeoutMs: args.connectTimeoutMs,
    });
  const urls = await lookupRelays(args, hints, io);
  const kinds = [...ANNOUNCEMENT_KINDS, RELAY_LIST_KIND, PROFILE_KIND];
  const answers = await Promise.all(urls.map((url) => askOne(url, publicKey, kinds, args, io)));
  const failures = answers.flatMap(({ failure }) => failure ?? []);
  if (failures.length === urls.length) {
    throw new RelayError("RELAY_UNREACHABLE", "no relay could be asked", failures);
  }
  const shown = kinds.flatMap((kind) => {
    const held = answers.flatMap(({ url, events }) => {
      const event = events.find((one) => one.kind === kind);
      return event === undefined ? [] : [{ url, event }];
    });
    const event = newestGenuine(held.map((one) => one.event), io.engine);
    if (event === undefined) return [];
    const has = (isNewest: boolean) =>
      held.filter((one) => (one.event.id === event.id) === isNewest).map(({ url }) => url);
    return [{ event, relays: has(true), outdated: has(false) }];
  });
  await output.list(
    shown.map(({ event: { id, kind, created_at, tags, content }, relays, outdated }) => ({
      kind,
      id,
      created_at,
      tags,
      content,
      relays,
      outdated,
    })),
    () =>
      shown.length === 0
        ? `nothing is announced by ${formatNpub(publicKey)}`
        : shown.flatMap(({ event, relays, outdated }) => [
          ...eventLines(event),
          ...relays.map((url) => `  on ${url}`),
          ...outdated.map((url) => `  an older one on ${url}`),
        ]).join("\n"),
  );
  for (const { url, reason } of failures) {
    await output.note(`not asked: ${url}: ${sanitizeLine(reason, 200)}`);
  }
}

/** What one relay has; of each kind the newest that is genuine. */
async function askOne(
  url: string,
  author: string,
  kinds: readonly number[],
  args: AnnounceCommonArguments,
  io: CliIo,
): Promise<{ url: string; events: readonly NostrEvent[]; failure?: RelayFailure }> {
  await using pool = new RelayPool([url], lookupPoolOptions(args));
  try {
    const found = await pool.query([{ kinds, authors: [author] }], { signal: io.signal });
    const events = kinds.flatMap((kind) =>
      newestGenuine(found.filter((event) => event.kind === kind), io.engine) ?? []
    );
    return { url, events };
  } catch (error) {
    io.signal.throwIfAborted();
    if (!(error instanceof CvmError)) throw error;
    return { url, events: [], failure: { url, reason: reasonOf(error) } };
  }
}

/** What one relay said; its URL stands beside it already. */
function reasonOf(error: CvmError): string {
  return error instanceof RelayError ? error.failures[0]?.reason ?? error.message : error.message;
}
