/**
 * `cvm announce`: what a server publishes of itself, before, while and after.
 *
 * @module
 */
import { type NostrEvent, verifyEvent } from "../../../crypto/event.ts";
import { formatNpub } from "../../../crypto/keys.ts";
import { PrivateKeySigner } from "../../../crypto/private_key_signer.ts";
import { CvmError, InputError, RelayError, type RelayFailure } from "../../../errors.ts";
import { withdrawEvents } from "../../../transport/discovery/deletion.ts";
import { ANNOUNCEMENT_KINDS } from "../../../transport/discovery/public_server.ts";
import { newestGenuine } from "../../../transport/discovery/relay_list.ts";
import { McpGateway } from "../../../transport/gateway.ts";
import { RelayPool, type RelayPoolOptions } from "../../../transport/relay/pool.ts";
import { MemoryRelay } from "../../../transport/testing/memory_relay.ts";
import { PROFILE_KIND, RELAY_LIST_KIND } from "../../../transport/wire/kinds.ts";
import { ageText } from "../../ages.ts";
import { loadConfig } from "../../config.ts";
import { poolOptions } from "../../connection.ts";
import { DEFAULT_RELAYS } from "../../default_relays.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { KEY_VARIABLE, loadOrCreateKey, readKeyFile, type StoredKey } from "../../key_store.ts";
import { lookupRelays } from "../../lookup_relays.ts";
import { Output } from "../../output.ts";
import { gatewayKeyFile } from "../../paths.ts";
import { sanitizeLine, toSafeJson } from "../../sanitize.ts";
import { resolveServer } from "../../server_address.ts";
import { prepareLocal } from "../inspect/target.ts";
import type {
  AnnounceArguments,
  AnnounceCommonArguments,
  AnnounceDeleteArguments,
  AnnouncePublishArguments,
  AnnounceShowArguments,
} from "./command.ts";

/** What is shown of one content, UTF-16 code units. */
const MAX_SHOWN = 20_000;

const KIND_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "profile"],
  [10002, "relay list"],
  [11316, "server"],
  [11317, "tools"],
  [11318, "resources"],
  [11319, "resource templates"],
  [11320, "prompts"],
]);

/** Does what was asked for. */
export async function runAnnounce(args: AnnounceArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  switch (args.command) {
    case "announce preview":
      return await preview(args, io, output);
    case "announce publish":
      return await publish(args, io, output);
    case "announce show":
      return await show(args, io, output);
    case "announce delete":
      return await remove(args, io, output);
  }
}

async function preview(
  args: AnnouncePublishArguments,
  io: CliIo,
  output: Output,
): Promise<void> {
  const known = await knownKey(args, io);
  const signer = known?.signer ?? PrivateKeySigner.generate();
  if (known === undefined) {
    await output.warn("there is no key yet; a new one stands in for it");
  }
  // What a gateway publishes on a relay that nobody else can reach is what it would publish elsewhere.
  await using relay = new MemoryRelay();
  const fetchRelayInfo = () => Promise.resolve(undefined);
  await using gateway = await openGateway(args, io, {
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
  const key = await loadOrCreateKey({
    file: args.keyFile,
    defaultFile: await gatewayKeyFile(args.target, io.env),
    env: io.env,
  });
  if (key.warning !== undefined) await output.warn(key.warning);
  await using gateway = await openGateway(args, io, {
    signer: key.signer,
    relays: await ownRelays(args, io),
    pool: poolOptions(args),
  });
  const { published = [], failures = [] } = gateway.announcement ?? {};
  await report({ events: published, failures, pubkey: key.signer.pubkey }, output);
}

async function openGateway(
  args: AnnouncePublishArguments,
  io: CliIo,
  network: {
    readonly signer: StoredKey["signer"];
    readonly relays: readonly string[];
    readonly pool: RelayPoolOptions;
  },
): Promise<McpGateway> {
  const { target: words, name, about, website, picture, encryption, giftWrap } = args;
  if (words.length === 0) {
    throw new UsageError("name the MCP server: its command, or its URL, after --");
  }
  const isUrl = /^https?:\/\//i.test(words[0] ?? "");
  if (isUrl && words.length > 1) {
    throw new UsageError(`after the URL ${words[0]} nothing may follow, but "${words[1]}" does`);
  }
  const { open } = await prepareLocal({ ...args, words, isUrl }, io);
  const gateway = new McpGateway({
    ...network,
    upstream: open,
    encryption,
    giftWrap,
    info: { name, about, website, picture },
    announce: { relayList: args.relayList && await ownRelays(args, io) },
    ...(args.commonSchema.length + args.category.length === 0
      ? {}
      : { commonSchemas: { tools: args.commonSchema, categories: args.category } }),
    signal: io.signal,
  });
  await gateway.start();
  return gateway;
}

async function ownRelays(args: AnnounceCommonArguments, io: CliIo): Promise<readonly string[]> {
  if (args.relay.length > 0) return args.relay;
  return (await loadConfig(io.env)).relays ?? DEFAULT_RELAYS;
}

/** The key that is meant, if it is there. None is ever made here. */
async function knownKey(
  args: AnnounceCommonArguments,
  io: CliIo,
): Promise<StoredKey | undefined> {
  const { keyFile, target } = args;
  if (keyFile !== undefined) return await readKeyFile(keyFile);
  if (target.length > 0 && (io.env.get(KEY_VARIABLE) ?? "") === "") {
    return await readKeyFile(await gatewayKeyFile(target, io.env));
  }
  if ((io.env.get(KEY_VARIABLE) ?? "") === "") return undefined;
  // The variable holds it: no file is looked at.
  return await loadOrCreateKey({ defaultFile: "", env: io.env });
}

async function demandKey(args: AnnounceCommonArguments, io: CliIo): Promise<StoredKey> {
  const key = await knownKey(args, io);
  if (key !== undefined) return key;
  if (args.keyFile === undefined && args.target.length === 0) {
    throw new UsageError(
      `whose announcement? Name the key with --key-file or ${KEY_VARIABLE}, or the gateway's command after --`,
    );
  }
  throw new InputError("KEY_INVALID", "there is no such key: nothing was announced with it here");
}

async function show(args: AnnounceShowArguments, io: CliIo, output: Output): Promise<void> {
  const { server } = args;
  const { publicKey, hints } = server === undefined
    ? { publicKey: (await demandKey(args, io)).signer.pubkey, hints: [] }
    : await resolveServer(server, {
      config: await loadConfig(io.env),
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
    const event = newestGenuine(held.map((one) => one.event));
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
  await using pool = new RelayPool([url], poolOptions(args));
  try {
    const found = await pool.query([{ kinds, authors: [author] }], { signal: io.signal });
    const events = kinds.flatMap((kind) =>
      newestGenuine(found.filter((event) => event.kind === kind)) ?? []
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

async function remove(args: AnnounceDeleteArguments, io: CliIo, output: Output): Promise<void> {
  const { signer } = await demandKey(args, io);
  await using pool = new RelayPool(await lookupRelays(args, await ownRelays(args, io), io), {
    ...poolOptions(args),
    signer,
  });
  const kinds = [...ANNOUNCEMENT_KINDS, RELAY_LIST_KIND, ...(args.profile ? [PROFILE_KIND] : [])];
  const { signal } = io;
  const found = (await pool.query([{ kinds, authors: [signer.pubkey] }], { signal }))
    .filter((event) => verifyEvent(event));
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

function eventLines({ kind, created_at, tags, content }: NostrEvent): readonly string[] {
  return [
    `kind ${kind}  ${KIND_NAMES.get(kind) ?? ""}  ${ageText(created_at)}`,
    ...tags.map((tag) => `  ${toSafeJson(tag)}`),
    ...(content === "" ? [] : [`  ${sanitizeLine(content, MAX_SHOWN)}`]),
  ];
}
