/**
 * `cvm announce`: what a server publishes of itself, before, while and after.
 *
 * @module
 */
import { type NostrEvent, verifyEvent } from "../../../crypto/event.ts";
import { formatNpub } from "../../../crypto/keys.ts";
import { PrivateKeySigner } from "../../../crypto/private_key_signer.ts";
import { RelayError, type RelayFailure } from "../../../errors.ts";
import { withdrawEvents } from "../../../transport/discovery/deletion.ts";
import { ANNOUNCEMENT_KINDS } from "../../../transport/discovery/public_server.ts";
import { filterTools, McpGateway, type OpenUpstream } from "../../../transport/gateway.ts";
import { RelayPool, type RelayPoolOptions } from "../../../transport/relay/pool.ts";
import { MemoryRelay } from "../../../transport/testing/memory_relay.ts";
import { PROFILE_KIND, RELAY_LIST_KIND } from "../../../transport/wire/kinds.ts";
import { commonSchemasOf } from "../../announcement_options.ts";
import { askingPoolOptions } from "../../connection.ts";
import { type EntryOffer, offerOf } from "../../entry_offer.ts";
import { entryOpener } from "../../entry_target.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { loadOrCreateKey, type StoredKey } from "../../key_store.ts";
import { lookupRelays } from "../../lookup_relays.ts";
import { Output } from "../../output.ts";
import { sanitizeLine } from "../../sanitize.ts";
import type { ServerEntry } from "../../servers_file.ts";
import { prepareLocal, stderrOf } from "../inspect/local_target.ts";
import type {
  AnnounceArguments,
  AnnounceDeleteArguments,
  AnnouncePublishArguments,
} from "./command.ts";
import { type AnnouncedEntry, readEntry } from "./entry.ts";
import { eventLines, KIND_NAMES } from "./events.ts";
import { demandKey, keySources, knownKey, ownRelays } from "./owner.ts";
import { showAnnouncement } from "./show.ts";

/** Does what was asked for. */
export async function runAnnounce(args: AnnounceArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  switch (args.command) {
    case "announce preview":
      return await preview(args, io, output);
    case "announce publish":
      return await publish(args, io, output);
    case "announce show":
      return await showAnnouncement(args, io, output);
    case "announce delete":
      return await remove(args, io, output);
  }
}

async function preview(
  args: AnnouncePublishArguments,
  io: CliIo,
  output: Output,
): Promise<void> {
  const found = await readEntry(args, io);
  const known = await knownKey(args, io, found);
  const signer = known?.signer ?? PrivateKeySigner.generate({ engine: io.engine });
  if (known === undefined) {
    await output.warn("there is no key yet; a new one stands in for it");
  }
  // What a gateway publishes on a relay that nobody else can reach is what it would publish elsewhere.
  await using relay = new MemoryRelay();
  const fetchRelayInfo = () => Promise.resolve(undefined);
  await using gateway = await openGateway(args, io, {
    found,
    signer,
    relays: [relay.url],
    pool: { webSocket: relay.webSocket, fetchRelayInfo },
  });
  const events = gateway.announcement?.published.toSorted((a, b) => a.kind - b.kind) ?? [];
  await output.list(
    events.map(({ kind, pubkey, created_at, tags, content }) => ({
      kind,
      pubkey,
      created_at,
      tags,
      content,
    })),
    () => events.flatMap(eventLines).join("\n"),
  );
}

async function publish(
  args: AnnouncePublishArguments,
  io: CliIo,
  output: Output,
): Promise<void> {
  const found = await readEntry(args, io);
  const key = await loadOrCreateKey(keySources(args, io, found));
  if (key.warning !== undefined) await output.warn(key.warning);
  await using gateway = await openGateway(args, io, {
    found,
    signer: key.signer,
    relays: await ownRelays(args, io),
    pool: askingPoolOptions(args),
  });
  const { published = [], failures = [] } = gateway.announcement ?? {};
  if (published.length === 0 && failures.length > 0) {
    throw new RelayError("PUBLISH_REFUSED", "no relay took the announcement", failures);
  }
  await report({ events: published, failures, pubkey: key.signer.pubkey }, output);
}

async function openGateway(
  args: AnnouncePublishArguments,
  io: CliIo,
  { found, ...network }: {
    readonly found: AnnouncedEntry | undefined;
    readonly signer: StoredKey["signer"];
    readonly relays: readonly string[];
    readonly pool: RelayPoolOptions;
  },
): Promise<McpGateway> {
  const { encryption, giftWrap } = args;
  const { upstream, info, commonSchemas, profile } = found === undefined
    ? await openTyped(args, io)
    : await openEntry(found.entry, io);
  const gateway = new McpGateway({
    ...network,
    upstream,
    encryption,
    giftWrap,
    info,
    announce: { relayList: args.relayList !== false && await ownRelays(args, io), profile },
    commonSchemas,
    signal: io.signal,
  });
  await gateway.start();
  return gateway;
}

/** A server, and what is announced of it. */
interface Announced extends Omit<EntryOffer, "tools"> {
  readonly upstream: OpenUpstream;
}

async function openTyped(args: AnnouncePublishArguments, io: CliIo): Promise<Announced> {
  const { target: words, name, about, website, picture } = args;
  if (words.length === 0) {
    throw new UsageError(
      "name the MCP server: its command, or its URL, after --; or a file with --servers",
    );
  }
  const isUrl = /^https?:\/\//i.test(words[0] ?? "");
  if (isUrl && words.length > 1) {
    throw new UsageError(`after the URL ${words[0]} nothing may follow, but "${words[1]}" does`);
  }
  const { open } = await prepareLocal({ ...args, words, isUrl }, io);
  return {
    upstream: open,
    info: { name, about, website, picture },
    commonSchemas: commonSchemasOf(args),
    profile: undefined,
  };
}

async function openEntry(entry: ServerEntry, io: CliIo): Promise<Announced> {
  const { tools, ...offer } = await offerOf(entry);
  const onStderr = stderrOf(sanitizeLine(entry.name, 64), io);
  const open = await entryOpener(entry.target, { cleanEnv: false, io, onStderr });
  return { ...offer, upstream: tools === undefined ? open : () => filterTools(open(), tools) };
}

async function remove(args: AnnounceDeleteArguments, io: CliIo, output: Output): Promise<void> {
  const { signer } = await demandKey(args, io, await readEntry(args, io));
  await using pool = new RelayPool(await lookupRelays(args, await ownRelays(args, io), io), {
    ...askingPoolOptions(args),
    signer,
  });
  const kinds = [...ANNOUNCEMENT_KINDS, RELAY_LIST_KIND, ...(args.profile ? [PROFILE_KIND] : [])];
  const { signal } = io;
  const found = (await pool.query([{ kinds, authors: [signer.pubkey] }], { signal }))
    .filter((event) => verifyEvent(event, io.engine));
  if (found.length === 0) {
    await output.note(`nothing is announced by ${formatNpub(signer.pubkey)}`);
    return await output.result({ deleted: [], accepted: [], refused: [] }, () => "");
  }
  const { reason } = args;
  const { accepted, refused } = await withdrawEvents(pool, found, { signer, reason, signal });
  const deleted = [...new Set(found.map(({ kind }) => kind))].sort((a, b) => a - b);
  await output.result({ deleted, accepted, refused }, () =>
    [
      `deleted: ${deleted.map((kind) => KIND_NAMES.get(kind) ?? kind).join(", ")}`,
      ...accepted.map((url) => `  by ${url}`),
      ...refused.map(({ url, reason }) => `  not by ${url}: ${sanitizeLine(reason, 200)}`),
    ].join("\n"));
}

async function report(
  { events, failures, pubkey }: {
    readonly events: readonly NostrEvent[];
    readonly failures: readonly RelayFailure[];
    readonly pubkey: string;
  },
  output: Output,
): Promise<void> {
  const npub = formatNpub(pubkey);
  const published = events.map(({ kind, id }) => ({ kind, id }));
  await output.result({ npub, published, failures }, () =>
    [
      npub,
      ...events.map(({ kind }) => `  published: ${KIND_NAMES.get(kind) ?? kind}`),
      ...failures.map(({ url, reason }) => `  not taken by ${url}: ${sanitizeLine(reason, 200)}`),
    ].join("\n"));
}
