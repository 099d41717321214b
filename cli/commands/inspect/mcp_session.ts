/**
 * What can be asked of a connected MCP server. Nothing that it says is taken
 * for what the protocol says it should be: a server that is wrong about one
 * thing can still be looked at.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import type { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { SessionError } from "../../../errors.ts";
import type { NostrClientTransport } from "../../../transport/client.ts";
import {
  hasFlag,
  SUPPORT_OPEN_STREAM,
  SUPPORT_TRANSFER_TOKEN,
} from "../../../transport/wire/tags.ts";
import { REQUEST_TIMEOUT } from "../../../transport/wire/message.ts";
import { didYouMean } from "../../did_you_mean.ts";
import { isRpcError, UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { sanitizeLine } from "../../sanitize.ts";
import type { SeenNames } from "../../seen_names.ts";
import { isObject } from "./json_schema.ts";
import type { Progress } from "./progress_bar.ts";

/** Pages of one list that are read; a server that has more does not come to an end. */
const MAX_PAGES = 1_000;
/** Entries of one list that are read. */
const MAX_ITEMS = 100_000;
/** Names that an error lists. */
const MAX_NAMED = 20;

/** An entry of a list of the server, as it came. */
export type Item = Readonly<Record<string, unknown>>;

/** The lists of a server. */
export type ListName = "tools" | "resources" | "templates" | "prompts";

/** The lists, and what MCP calls them. */
const LISTS: Readonly<Record<ListName, { method: string; field: string; capability: string }>> = {
  tools: { method: "tools/list", field: "tools", capability: "tools" },
  resources: { method: "resources/list", field: "resources", capability: "resources" },
  templates: {
    method: "resources/templates/list",
    field: "resourceTemplates",
    capability: "resources",
  },
  prompts: { method: "prompts/list", field: "prompts", capability: "prompts" },
};

/** How much later than our own transport the MCP client gives up, milliseconds: the transport says why. */
export const GRACE_MS = 500;

/** JSON-RPC's word for a method that is not there. */
const METHOD_NOT_FOUND = -32601;

/** What a {@linkcode McpSession} works with. */
export interface SessionOptions {
  /** The client, connected or about to be. */
  readonly client: Client;
  /** The transport below it, where the server is on Nostr. */
  readonly transport?: NostrClientTransport;
  /** Ends every wait. */
  readonly io: CliIo;
  /** How long each answer may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Rejects when the transport finds out that nobody is there. */
  readonly silence?: Promise<never>;
  /** Remembers the names in lists. */
  readonly seen?: SeenNames;
}

/** A connected server. */
export class McpSession {
  /** The client. */
  readonly client: Client;
  /** The transport, where the server is on Nostr. */
  readonly transport: NostrClientTransport | undefined;
  readonly #io: CliIo;
  readonly #timeoutMs: number;
  readonly #silence: Promise<never> | undefined;
  readonly #seen: SeenNames | undefined;

  /** @param options The client and the bounds. */
  constructor({ client, transport, io, timeoutMs, silence, seen }: SessionOptions) {
    this.#silence = silence;
    this.#seen = seen;
    this.client = client;
    this.transport = transport;
    this.#io = io;
    this.#timeoutMs = timeoutMs;
  }

  /** How long an answer may take, in milliseconds. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Whether the server has said over Nostr that it can do something: a `support_…` flag. */
  supports(flag: string): boolean {
    const { serverTags = [], announcement } = this.transport ?? {};
    return hasFlag([...serverTags, ...announcement?.tags ?? []], flag);
  }

  /**
   * Whether a request may bear a progress token. Some servers that stream never
   * answer one unless something streams; ours say that they do.
   */
  get takesTokens(): boolean {
    return !this.supports(SUPPORT_OPEN_STREAM) || this.supports(SUPPORT_TRANSFER_TOKEN);
  }

  /**
   * Asks for anything.
   *
   * @param method The method.
   * @param params Its parameters.
   * @param options Who hears of progress; the request then bears a token, and each report is waited for anew.
   * @returns The result as it came.
   * @throws {SessionError} SERVER_NOT_ANSWERING when neither an answer nor progress came in time.
   */
  async request(
    method: string,
    params: Record<string, unknown> | undefined,
    options: { readonly onprogress?: (step: Progress) => void } = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const answer = this.client.request({ method, params }, ResultSchema, {
      ...options,
      timeout: this.#timeoutMs + (this.transport === undefined ? 0 : GRACE_MS),
      resetTimeoutOnProgress: true,
      signal: this.#io.signal,
    });
    const known = answer.catch((error) => {
      throw asTimeout(error, method, this.#timeoutMs);
    });
    // Without a handshake it is the first request that finds out that nobody is there.
    return await Promise.race([known, ...(this.#silence === undefined ? [] : [this.#silence])]);
  }

  /** All pages of a list; empty when the server does not have it. */
  async list(which: ListName): Promise<readonly Item[]> {
    const items: Item[] = [];
    for await (const page of this.#pages(which)) items.push(...page);
    return items;
  }

  /**
   * One entry of a list; no page after it is asked for.
   *
   * @throws {UsageError} When the list has no such entry.
   */
  async find(which: "tools" | "prompts", name: string): Promise<Item> {
    const names: string[] = [];
    for await (const page of this.#pages(which)) {
      const found = page.find((item) => item.name === name);
      if (found !== undefined) return found;
      names.push(...page.map(nameOf));
    }
    const kind = which === "tools" ? "tool" : "prompt";
    const known = names.slice(0, MAX_NAMED).map((one) => sanitizeLine(one, 60)).join(", ");
    const rest = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
    throw new UsageError(
      `the server has no ${kind} "${name}"; it has: ${known || "none"}${rest}${
        didYouMean(name, names)
      }`,
    );
  }

  async *#pages(which: ListName): AsyncGenerator<readonly Item[]> {
    const { method, field, capability } = LISTS[which];
    const capabilities: Record<string, unknown> = this.client.getServerCapabilities() ?? {};
    if (capabilities[capability] === undefined) return;
    let cursor: unknown;
    let count = 0;
    for (let page = 0; page < MAX_PAGES; page++) {
      const result = await this.#page(method, cursor);
      if (result === undefined) return;
      const { [field]: found, nextCursor } = result;
      if (!Array.isArray(found)) return;
      const items = found.filter(isItem);
      count += items.length;
      if (count > MAX_ITEMS) break;
      const isLast = typeof nextCursor !== "string" || nextCursor === cursor;
      this.#seen?.add(which, items, { isLast });
      yield items;
      if (isLast) return;
      cursor = nextCursor;
    }
    throw new SessionError(
      "LIMIT_REACHED",
      `the list of ${which} has more than ${MAX_PAGES} pages or ${MAX_ITEMS} entries`,
    );
  }

  /** One page; `undefined` when the server does not know the method. */
  async #page(method: string, cursor: unknown) {
    try {
      return await this.request(method, cursor === undefined ? undefined : { cursor });
    } catch (error) {
      const isUnknown = error instanceof Error && "code" in error &&
        error.code === METHOD_NOT_FOUND;
      if (isUnknown && cursor === undefined) return undefined;
      throw error;
    }
  }
}

/** The MCP client's error when it has waited long enough, as ours: it says how long, and what helps. Others as they are. */
export function asTimeout(error: unknown, method: string, timeoutMs: number): unknown {
  const isTimeout = isRpcError(error) && error.code === REQUEST_TIMEOUT && isObject(error.data) &&
    "timeout" in error.data;
  return isTimeout
    ? new SessionError(
      "SERVER_NOT_ANSWERING",
      `nothing came from the server for ${
        timeoutMs / 1000
      } s after ${method}; --timeout SECONDS waits longer`,
      { cause: error },
    )
    : error;
}

/** An entry is an object with a name; what it says beside that is looked at where it is used. */
function isItem(value: unknown): value is Item {
  return isObject(value) && typeof value.name === "string";
}

/** The name of an entry. */
export function nameOf(item: Item): string {
  return typeof item.name === "string" ? item.name : "";
}
