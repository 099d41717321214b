/**
 * What `cvm inspect` asks of a server once it is connected.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import type { Client } from "@modelcontextprotocol/sdk/client";
import { ToolFailedError, UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import type { Output } from "../../output.ts";
import { sanitizeLine, sanitizeText } from "../../sanitize.ts";
import { parseCallArguments } from "./arguments.ts";

/** Pages of one list that are read; a server that has more does not come to an end. */
const MAX_PAGES = 1_000;

/** An entry of a list of the server. */
export interface Item {
  /** Its name. */
  readonly name: string;
  /** What it is for. */
  readonly description?: string;
  /** The URI of a resource. */
  readonly uri?: string;
  /** The URI template of a resource template. */
  readonly uriTemplate?: string;
  /** The JSON Schema of a tool's arguments. */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
}

/** The lists of a server. */
export type ListName = "tools" | "resources" | "templates" | "prompts";

/** A connected server. */
export class McpSession {
  readonly #client: Client;
  readonly #output: Output;
  readonly #io: CliIo;
  readonly #timeoutMs: number;

  /** Works with a connected client; each answer may take `timeoutMs` milliseconds. */
  constructor(client: Client, output: Output, io: CliIo, timeoutMs: number) {
    this.#client = client;
    this.#output = output;
    this.#io = io;
    this.#timeoutMs = timeoutMs;
  }

  /** Does one thing and prints what comes of it. */
  async run(what: string, words: readonly string[], json: string | undefined): Promise<void> {
    const [name = "", ...rest] = words;
    switch (what) {
      case "call":
        return await this.#call(name, rest, json);
      case "read":
        return await this.#read(name);
      case "get":
        return await this.#get(name, rest, json);
      case "ping":
        return await this.#ping();
      default: {
        const items = await this.list(what as ListName);
        return await this.#output.list(items, () => items.map(describeItem).join("\n"));
      }
    }
  }

  /** All pages of a list; empty when the server does not have it. */
  async list(which: ListName): Promise<readonly Item[]> {
    const capability = which === "templates" ? "resources" : which;
    if (this.#client.getServerCapabilities()?.[capability] === undefined) return [];
    const items: Item[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { found, nextCursor } = await this.#page(which, cursor);
      items.push(...found);
      if (nextCursor === undefined || nextCursor === cursor) return items;
      cursor = nextCursor;
    }
    throw new Error(`the list of ${which} has more than ${MAX_PAGES} pages`);
  }

  async #page(which: ListName, cursor: string | undefined) {
    const params = cursor === undefined ? {} : { cursor };
    const client = this.#client;
    const options = this.#options();
    if (which === "tools") {
      const { tools, nextCursor } = await client.listTools(params, options);
      return { found: tools as readonly Item[], nextCursor };
    }
    if (which === "resources") {
      const { resources, nextCursor } = await client.listResources(params, options);
      return { found: resources as readonly Item[], nextCursor };
    }
    if (which === "templates") {
      const { resourceTemplates, nextCursor } = await client.listResourceTemplates(params, options);
      return { found: resourceTemplates as readonly Item[], nextCursor };
    }
    const { prompts, nextCursor } = await client.listPrompts(params, options);
    return { found: prompts as readonly Item[], nextCursor };
  }

  async #call(name: string, words: readonly string[], json: string | undefined): Promise<void> {
    const tools = await this.list("tools");
    const tool = tools.find((one) => one.name === name);
    if (tool === undefined) throw unknownItem("tool", name, tools);
    const args = parseCallArguments(words, json, tool.inputSchema ?? {});
    const result = await this.#client.callTool({ name, arguments: args }, undefined, {
      ...this.#options(),
      ...(this.#io.stderr.isTerminal ? { onprogress: (step) => this.#showProgress(step) } : {}),
    });
    await this.#output.result(result, () => describeContent(result.content));
    if (result.isError === true) throw new ToolFailedError(`the tool ${name} reports an error`);
  }

  #showProgress(step: { progress: number; total?: number; message?: string }): void {
    const total = step.total === undefined ? "" : `/${step.total}`;
    const text = step.message === undefined ? "" : ` ${sanitizeLine(step.message, 80)}`;
    // Progress is for who looks; when nobody can, nothing is lost.
    this.#io.stderr.write(`… ${step.progress}${total}${text}\n`).catch(() => undefined);
  }

  async #read(uri: string): Promise<void> {
    const result = await this.#client.readResource({ uri }, this.#options());
    await this.#output.result(
      result,
      () =>
        result.contents.map((content) =>
          "text" in content && typeof content.text === "string"
            ? sanitizeText(content.text)
            : `[${sanitizeLine(content.mimeType ?? "binary")} of ${sanitizeLine(content.uri)}]`
        ).join("\n"),
    );
  }

  async #get(name: string, words: readonly string[], json: string | undefined): Promise<void> {
    const prompts = await this.list("prompts");
    if (!prompts.some((prompt) => prompt.name === name)) throw unknownItem("prompt", name, prompts);
    const given = parseCallArguments(words, json, {});
    const args = Object.fromEntries(
      Object.entries(given).map((
        [key, value],
      ) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
    );
    const result = await this.#client.getPrompt({ name, arguments: args }, this.#options());
    await this.#output.result(
      result,
      () =>
        result.messages.map(({ role, content }) => `${role}: ${describeContent([content])}`)
          .join("\n"),
    );
  }

  async #ping(): Promise<void> {
    const started = performance.now();
    await this.#client.ping(this.#options());
    const roundTripMs = Math.round((performance.now() - started) * 10) / 10;
    await this.#output.result({ roundTripMs }, () => `answered in ${roundTripMs} ms`);
  }

  #options() {
    return { timeout: this.#timeoutMs, resetTimeoutOnProgress: true, signal: this.#io.signal };
  }
}

function unknownItem(kind: string, name: string, items: readonly Item[]): UsageError {
  const known = items.slice(0, 20).map((item) => sanitizeLine(item.name, 60)).join(", ");
  return new UsageError(`the server has no ${kind} "${name}"; it has: ${known || "none"}`);
}

/** One line for an entry of a list. */
export function describeItem(item: Item): string {
  const name = sanitizeLine(item.uri ?? item.uriTemplate ?? item.name, 200);
  const text = item.description ?? (name === item.name ? "" : item.name);
  return text === "" ? name : `${name}  ${sanitizeLine(text, 160)}`;
}

function describeContent(content: unknown): string {
  if (!Array.isArray(content)) return "";
  return content.map(
    (part: { type?: unknown; text?: unknown; mimeType?: unknown; uri?: unknown }) => {
      if (part.type === "text" && typeof part.text === "string") return sanitizeText(part.text);
      const about = [part.type, part.mimeType, part.uri].filter((word) => typeof word === "string");
      return `[${sanitizeLine(about.join(" "))}]`;
    },
  ).join("\n");
}
