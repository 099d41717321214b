/**
 * `cvm discover`: finds servers across relays.
 *
 * @module
 */
import { formatNprofile, formatNpub } from "../../../crypto/keys.ts";
import { discover, type DiscoveredServer } from "../../../transport/discovery/discover.ts";
import type { PublicList } from "../../../transport/discovery/public_server.ts";
import { RelayPool } from "../../../transport/relay/pool.ts";
import { ageText } from "../../ages.ts";
import { lookupPoolOptions, poolOptions, visitorKey } from "../../connection.ts";
import type { CliIo } from "../../io.ts";
import { lookupRelays } from "../../lookup_relays.ts";
import { openNameCache, type SeenServer } from "../../name_cache.ts";
import { Output } from "../../output.ts";
import { sanitizeLine, toSafeJson } from "../../sanitize.ts";
import { announcedNames } from "../../server_names.ts";
import type { DiscoverArguments } from "./command.ts";
import type { OnlineCheck, Presence } from "./online_check.ts";

/** Names that a row of the table shows. */
const MAX_NAMES = 8;
/** Servers whose names are kept for completions. */
const MAX_KEPT = 50;

/** A server that was found, and whether it is there. */
interface Found {
  readonly server: DiscoveredServer;
  readonly presence: Presence | undefined;
}

/** Searches, and prints what is found. */
export async function runDiscover(args: DiscoverArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  const { connectTimeoutMs } = args;
  await using pool = new RelayPool(
    await lookupRelays(args, [], io),
    lookupPoolOptions({ connectTimeoutMs }),
  );
  const check = args.online ? await openCheck(pool, args, io) : undefined;
  const found: Found[] = [];
  const names = openNameCache(io.env);
  const seen = new Map<string, SeenServer>();
  const streams = args.live || args.format === "jsonl";
  for await (const one of search(pool, check, args, io)) {
    const { server: { pubkey: publicKey } } = one;
    if (names !== undefined && !one.server.gone && seen.size < MAX_KEPT) {
      const announced = announcedNames(one.server, names.maxNames);
      seen.set(publicKey, { publicKey, names: announced, source: "announcement" });
    }
    if (!streams) found.push(one);
    else if (args.format === "text") await io.stdout.write(`${rowOf(one, output)}\n`);
    else await io.stdout.write(toSafeJson(reportOf(one)) + "\n");
  }
  await names?.add([...seen.values()]);
  io.signal.throwIfAborted();
  if (!streams) {
    await output.list(found.map(reportOf), () => found.map((one) => rowOf(one, output)).join("\n"));
  }
  if (!streams && args.format === "text") await output.note(summary(found.length, pool));
}

function summary(count: number, pool: RelayPool): string {
  const dead = pool.snapshot().filter(({ state }) => state !== "open");
  const silent = dead.map(({ url, lastError }) => `${url}: ${lastError ?? "no answer"}`);
  return [
    `${counted(count, "server")} on ${counted(pool.urls.length - dead.length, "relay")}`,
    ...silent.map((text) => `not asked: ${sanitizeLine(text, 200)}`),
  ].join("\n");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Key and relays of the online check. */
async function openCheck(
  pool: RelayPool,
  args: DiscoverArguments,
  io: CliIo,
): Promise<OnlineCheck> {
  const { OnlineCheck } = await import("./online_check.ts"); // with an MCP client, which else is not needed
  const { signer } = await visitorKey(args, io);
  const { timeoutMs, encryption, giftWrap } = args;
  return new OnlineCheck({
    signer,
    timeoutMs,
    encryption,
    giftWrap,
    pool: poolOptions(args),
    relays: pool.urls,
    isFixed: args.relay.length > 0,
    signal: io.signal,
  });
}

async function* search(
  pool: RelayPool,
  check: OnlineCheck | undefined,
  args: DiscoverArguments,
  { signal }: CliIo,
): AsyncGenerator<Found> {
  const { capability, tool, category, schema, maxPrice, unit, maxAgeMs, timeoutMs } = args;
  const servers = discover(pool, {
    capability,
    tool,
    category,
    schemaHash: schema,
    hasCommonSchema: args.commonSchema,
    text: args.text.join(" "),
    ...(maxPrice === undefined ? {} : { price: { max: maxPrice, unit } }),
    maxAgeMs,
    tags: args.encrypted ? [["support_encryption"]] : [],
    live: args.live,
    maxServers: args.limit,
    timeoutMs,
    signal,
  });
  if (check === undefined) {
    for await (const server of servers) yield { server, presence: undefined };
    return;
  }
  yield* check.filter(servers);
}

function reportOf({ server, presence }: Found) {
  const { announcement, pubkey, relays } = {
    ...server,
    relays: presence?.relays ?? [],
  };
  const info = announcement?.initializeResult?.serverInfo;
  return {
    publicKey: pubkey,
    npub: formatNpub(pubkey),
    nprofile: formatNprofile(pubkey, relays),
    name: nameOf(server),
    about: announcement?.about ?? null,
    software: info ?? null,
    capabilities: announcement?.initializeResult?.capabilities ?? {},
    tools: namesOf(server.tools),
    resources: namesOf(server.resources),
    templates: namesOf(server.resourceTemplates),
    prompts: namesOf(server.prompts),
    prices: server.prices,
    commonSchemas: server.schemas.filter(({ verdict }) => verdict !== "unclaimed")
      .map(({ tool, hash, verdict }) => ({ tool, hash: hash ?? null, verdict })),
    categories: server.categories,
    supports: server.supports,
    updatedAt: server.updatedAt,
    ...(presence === undefined ? {} : { online: true, pingMs: presence.pingMs }),
    ...(server.gone ? { gone: true } : {}),
  };
}

/** One row: the address first, so that it stands in one column. */
function rowOf({ server, presence }: Found, output: Output): string {
  const { pubkey, announcement, prices, updatedAt } = server;
  if (server.gone) return `${formatNpub(pubkey)}  taken back, or other than what is looked for`;
  const tools = namesOf(server.tools);
  const shown = tools.slice(0, MAX_NAMES).join(" ");
  const more = tools.length > MAX_NAMES ? ` and ${tools.length - MAX_NAMES} more` : "";
  const facts = [
    ageText(updatedAt),
    ...(presence === undefined ? [] : [`ping ${presence.pingMs} ms`]),
    ...(prices.length === 0 ? [] : [priceText(server)]),
    ...(tools.length === 0 ? [] : [`tools: ${shown}${more}`]),
  ];
  const about = announcement?.about === undefined ? "" : `: ${announcement.about}`;
  return `${formatNpub(pubkey)}  ${output.style(sanitizeLine(nameOf(server), 60), "bold")}${
    sanitizeLine(about, 120)
  }  (${sanitizeLine(facts.join(", "), 300)})`;
}

function priceText({ prices }: DiscoveredServer): string {
  const units = [...new Set(prices.map(({ unit }) => unit))].slice(0, 3);
  return units.map((unit) => {
    const amounts = prices.filter((price) => price.unit === unit);
    const least = Math.min(...amounts.map(({ min }) => min));
    const most = Math.max(...amounts.map(({ max }) => max));
    return least === most ? `${least} ${unit}` : `${least}-${most} ${unit}`;
  }).join(" or ");
}

function nameOf({ announcement }: DiscoveredServer): string {
  const info = announcement?.initializeResult?.serverInfo;
  const own = typeof info === "object" && info !== null && "name" in info ? info.name : undefined;
  return announcement?.name ?? (typeof own === "string" ? own : "unnamed");
}

function namesOf(list: PublicList | undefined): readonly string[] {
  return (list?.items ?? []).flatMap(({ name, uri, uriTemplate }) => {
    const shown = [uri, uriTemplate, name].find((text) => typeof text === "string");
    return typeof shown === "string" ? [sanitizeLine(shown, 100)] : [];
  });
}
