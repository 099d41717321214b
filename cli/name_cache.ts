/**
 * What servers have been seen to offer, kept in a file, so that a shell can
 * complete it without asking anybody.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { dirname } from "node:path";
import { lockFile } from "./file_lock.ts";
import type { Environment } from "./io.ts";
import { namesFile } from "./paths.ts";
import {
  isObject,
  isPlainWord,
  NAME_KINDS,
  type NameKind,
  type NameList,
  plainWords,
  type ServerNames,
} from "./server_names.ts";

const logger = getLogger(["cvm", "names"]);

/** How long names count as those of now, milliseconds: a day. */
export const FRESH_MS = 86_400_000;
/** How long names are kept, milliseconds: thirty days. */
const KEEP_MS = 30 * FRESH_MS;

/** The form of the file. */
const VERSION = 1;

/** What is known of a server. */
export interface KnownServer {
  /** Its public key, hex. */
  readonly publicKey: string;
  /** What it offers. */
  readonly names: ServerNames;
  /** When that was seen, milliseconds since the epoch; 0 where nothing has been. */
  readonly seenAt: number;
  /** When its announcements were looked for, milliseconds since the epoch; 0 for never. */
  readonly askedAt: number;
  /** Whether the server itself said so, and not its announcement. */
  readonly isOwn: boolean;
  /** The name of NIP-05 by which it was found. */
  readonly calledAs?: string;
}

/** What has been seen of a server. */
export interface SeenServer {
  /** Its public key, hex. */
  readonly publicKey: string;
  /** Its names. */
  readonly names: ServerNames;
  /** Who said so: the server, its announcement, or nobody, where one was looked for and not found. */
  readonly source: "server" | "announcement" | "nobody";
  /** Lists of which only a part was seen; it is added to what is known. */
  readonly partial?: readonly NameKind[];
  /** The name of NIP-05 by which it was found. */
  readonly calledAs?: string;
}

/** Options of a {@linkcode NameCache}. */
export interface NameCacheOptions {
  /**
   * How many servers are kept: first those that were spoken to, of those the ones of late.
   * @default {100}
   */
  readonly maxServers?: number;
  /**
   * How many names of one list are kept.
   * @default {300}
   */
  readonly maxNames?: number;
  /**
   * How large the file may be, bytes; a larger one is not read.
   * @default {1_048_576}
   */
  readonly maxBytes?: number;
  /**
   * How long other processes may keep us from writing before we write all the same, milliseconds.
   * @default {1_000}
   */
  readonly lockWaitMs?: number;
  /** The clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

/** A file of names. Whatever is wrong with it, no command fails for it. */
export class NameCache {
  readonly #file: string;
  readonly #maxServers: number;
  readonly #maxBytes: number;
  readonly #lockWaitMs: number | undefined;
  readonly #now: () => number;
  /** How many names of one list are kept. */
  readonly maxNames: number;

  /**
   * @param file The file; it and its folder are made when there is something to keep.
   * @param options The bounds.
   */
  constructor(file: string, options: NameCacheOptions = {}) {
    this.#file = file;
    this.#maxServers = options.maxServers ?? 100;
    this.maxNames = options.maxNames ?? 300;
    this.#maxBytes = options.maxBytes ?? 1_048_576;
    this.#lockWaitMs = options.lockWaitMs;
    this.#now = options.now ?? Date.now;
  }

  /** All servers that are known, by public key; none where the file can't be used. */
  async read(): Promise<ReadonlyMap<string, KnownServer>> {
    try {
      const { isFile, size } = await Deno.stat(this.#file);
      if (!isFile || size > this.#maxBytes) return new Map();
      return this.#parse(JSON.parse(await Deno.readTextFile(this.#file)));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#tell("read", error);
      return new Map();
    }
  }

  /** Keeps what has been seen, beside what other processes keep at the same time. */
  async add(seen: readonly SeenServer[]): Promise<void> {
    if (seen.length === 0) return;
    try {
      const folder = dirname(this.#file);
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
      if (Deno.build.os !== "windows") await Deno.chmod(folder, 0o700);
      // From here to the end, others wait: what they wrote between our reading and our writing would be lost.
      await using _lock = await lockFile(`${this.#file}.lock`, { waitMs: this.#lockWaitMs });
      const servers = new Map(await this.read());
      for (const one of seen) {
        servers.set(one.publicKey, this.#merge(servers.get(one.publicKey), one));
      }
      await this.#write(this.#serialize([...servers.values()]));
    } catch (error) {
      this.#tell("written", error);
    }
  }

  #merge(known: KnownServer | undefined, seen: SeenServer): KnownServer {
    const { publicKey, source, partial = [] } = seen;
    const now = this.#now();
    const askedAt = source === "server" ? known?.askedAt ?? 0 : now;
    const calledAs = seen.calledAs ?? known?.calledAs;
    const isFresh = known !== undefined && known.isOwn && now - known.seenAt < FRESH_MS;
    if (source === "nobody" || (source === "announcement" && isFresh)) {
      // What the server says itself counts for more than what it once announced.
      const names = { ...seen.names, ...known?.names };
      const { seenAt = 0, isOwn = false } = known ?? {};
      return { publicKey, names, seenAt, isOwn, askedAt, calledAs };
    }
    const added = partial.map((kind) =>
      [kind, new Map([...seen.names[kind] ?? [], ...known?.names[kind] ?? []])] as const
    );
    const names = { ...known?.names, ...seen.names, ...Object.fromEntries(added) };
    return { publicKey, names, seenAt: now, isOwn: source === "server", askedAt, calledAs };
  }

  #parse(root: unknown): ReadonlyMap<string, KnownServer> {
    const servers = new Map<string, KnownServer>();
    if (!isObject(root) || root.version !== VERSION || !isObject(root.servers)) return servers;
    const now = this.#now();
    for (const [publicKey, entry] of Object.entries(root.servers)) {
      if (servers.size === this.#maxServers) break;
      if (!/^[0-9a-f]{64}$/.test(publicKey) || !isObject(entry)) continue;
      const { isOwn, calledAs } = entry;
      const seenAt = pastTime(entry.seenAt, now);
      const askedAt = pastTime(entry.askedAt, now);
      if (now - Math.max(seenAt, askedAt) > KEEP_MS) continue;
      const names = this.#parseNames(entry.names);
      servers.set(publicKey, {
        publicKey,
        names,
        seenAt,
        askedAt,
        isOwn: isOwn === true,
        ...(typeof calledAs === "string" ? { calledAs } : {}),
      });
    }
    return servers;
  }

  #parseNames(value: unknown): ServerNames {
    if (!isObject(value)) return {};
    return Object.fromEntries(NAME_KINDS.flatMap((kind) => {
      const list = value[kind];
      if (!isObject(list)) return [];
      const names: NameList = new Map(
        Object.entries(list).filter(([name]) => isPlainWord(name)).slice(0, this.maxNames)
          .map(([name, words]) => [name, Array.isArray(words) ? plainWords(words) : []]),
      );
      return [[kind, names]];
    }));
  }

  /** The servers that fit, those first that are to be kept. */
  #serialize(servers: readonly KnownServer[]): string {
    const sorted = servers.toSorted((one, other) =>
      Number(other.isOwn) - Number(one.isOwn) ||
      Math.max(other.seenAt, other.askedAt) - Math.max(one.seenAt, one.askedAt)
    );
    const head = `{"version":${VERSION},"servers":{`;
    const entries: string[] = [];
    let size = head.length + 3;
    for (const { publicKey, names, ...rest } of sorted.slice(0, this.#maxServers)) {
      const lists = Object.fromEntries(
        Object.entries(names).map(([kind, list]) => [
          kind,
          Object.fromEntries([...list].slice(0, this.maxNames)),
        ]),
      );
      const entry = `"${publicKey}":${JSON.stringify({ ...rest, names: lists })}`;
      size += new TextEncoder().encode(entry).length + 1;
      if (size > this.#maxBytes) break;
      entries.push(entry);
    }
    return `${head}${entries.join(",")}}}\n`;
  }

  /** Writes the whole file beside the old one and puts it in its place, so that it is never half there. */
  async #write(text: string): Promise<void> {
    const draft = `${this.#file}.${crypto.randomUUID()}`;
    try {
      await Deno.writeTextFile(draft, text, { createNew: true, mode: 0o600 });
      await Deno.rename(draft, this.#file);
    } catch (error) {
      await Deno.remove(draft).catch(() => undefined); // the first error says more
      throw error;
    }
  }

  #tell(what: string, error: unknown): void {
    const { message } = error instanceof Error ? error : { message: String(error) };
    logger.debug("{file} can't be {what}: {message}", { file: this.#file, what, message });
  }
}

/** The file of names of this user; `undefined` when there is to be none. */
export function openNameCache(
  env: Environment,
  options: NameCacheOptions = {},
): NameCache | undefined {
  const file = namesFile(env);
  return file === undefined ? undefined : new NameCache(file, options);
}

/** A time that is not in the future, else 0. */
function pastTime(value: unknown, now: number): number {
  return typeof value === "number" && value >= 0 && value <= now ? value : 0;
}
