/**
 * Several MCP servers that look like one to an MCP host.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { CallError, CvmError, InputError, SessionError } from "../../errors.ts";
import type {
  JsonRpcMessage,
  JsonRpcRequest,
  JsonRpcResult,
  RequestId,
  Transport,
} from "../types.ts";
import { isObject } from "../wire/json.ts";
import {
  cancelledRequestOf,
  errorResponse,
  INTERNAL_ERROR,
  isRequest,
  isResponse,
  METHOD_NOT_FOUND,
} from "../wire/message.ts";
import { Member } from "./_member.ts";

const logger = getLogger(["cvm", "proxy"]);

/** What stands between a server's name and the name of a tool or prompt. */
const SEPARATOR = "__";
const INVALID_PARAMS = -32602;

/** The lists, where their items stand, and what names an item. */
const LISTS: Readonly<Record<string, { readonly field: string; readonly key: string }>> = {
  "tools/list": { field: "tools", key: "name" },
  "prompts/list": { field: "prompts", key: "name" },
  "resources/list": { field: "resources", key: "uri" },
  "resources/templates/list": { field: "resourceTemplates", key: "uriTemplate" },
};

/** Capabilities that can be combined; what else a server has is not offered. */
const COMBINED: readonly string[] = ["tools", "prompts", "resources", "logging", "completions"];

/** Bounds of {@linkcode combineServers}. */
export interface CombineOptions {
  /**
   * Items that one server may have in one list, and resources of all servers
   * whose owner is remembered.
   * @default {10_000}
   */
  readonly maxItems?: number;
  /**
   * Questions of all servers that wait for the host's answer; more are refused.
   * @default {256}
   */
  readonly maxQuestions?: number;
  /**
   * How long a server may take for what all are asked (the handshake, lists)
   * before it is left out, in milliseconds.
   * @default {20_000}
   */
  readonly answerTimeoutMs?: number;
}

/**
 * Makes several servers look like one: the name of each tool and prompt begins
 * with the name of its server and `__`; resources keep their URIs, and belong to
 * the first server that lists or knows them. Lists come whole, in one page. A
 * server that can't be reached is left out, and takes none of the others with it.
 *
 * @param servers A connection to each server, not started, by the name that the host sees.
 * @param options Bounds.
 * @returns The connection to all of them, not started.
 * @throws {InputError} CONFIG_INVALID when there is none, or a name can't begin the name of a tool.
 *
 * @example
 * ```ts
 * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
 * import { combineServers } from "@cvm/toolkit/proxy";
 * import { assertEquals } from "@std/assert";
 *
 * async function connection(tool: string) {
 *   const [near, far] = InMemoryTransport.createLinkedPair();
 *   const server = new McpServer({ name: "example", version: "1.0.0" });
 *   server.registerTool(tool, {}, () => ({ content: [{ type: "text", text: tool }] }));
 *   await server.connect(far);
 *   return near;
 * }
 *
 * const client = new Client({ name: "host", version: "1.0.0" });
 * await client.connect(
 *   combineServers({ a: await connection("one"), b: await connection("two") }),
 * );
 * const { tools } = await client.listTools();
 * assertEquals(tools.map(({ name }) => name), ["a__one", "b__two"]);
 * const { content } = await client.callTool({ name: "b__two" });
 * assertEquals(content, [{ type: "text", text: "two" }]);
 * await client.close();
 * ```
 */
export function combineServers(
  servers: Readonly<Record<string, Transport>>,
  options: CombineOptions = {},
): Transport {
  const names = Object.keys(servers);
  if (names.length === 0) throw new InputError("CONFIG_INVALID", "name at least one server");
  for (const name of names) {
    if (!/^[A-Za-z0-9-]+(_[A-Za-z0-9-]+)*$/.test(name) || name.length > 32) {
      throw new InputError(
        "CONFIG_INVALID",
        `the name ${
          JSON.stringify(name)
        } can't begin the name of a tool: up to 32 letters, digits, "-" and single "_" can`,
      );
    }
  }
  return new CombinedServers(servers, options);
}

class CombinedServers implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #members: readonly Member[];
  readonly #maxItems: number;
  readonly #maxQuestions: number;
  /** Which server has a resource, as far as lists and reads have shown. */
  readonly #owners = new Map<string, Member>();
  /** Questions of servers to the host, by the id that the host sees. */
  readonly #questions = new Map<RequestId, { readonly member: Member; readonly id: RequestId }>();
  #asked = 0;
  #closed = false;

  constructor(
    servers: Readonly<Record<string, Transport>>,
    { maxItems = 10_000, maxQuestions = 256, answerTimeoutMs = 20_000 }: CombineOptions,
  ) {
    this.#maxItems = maxItems;
    this.#maxQuestions = maxQuestions;
    this.#members = Object.entries(servers).map(([name, transport]) => {
      const member: Member = new Member(name, transport, {
        onMessage: (message) => this.#fromMember(member, message),
        onClosed: () => this.#lost(member),
        onError: (error) => this.onerror?.(error),
        answerTimeoutMs,
      });
      return member;
    });
  }

  async start(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.start()));
    for (const { name, down } of this.#members) {
      if (down !== undefined) logger.warn("{name} is left out: {down}", { name, down });
    }
    if (this.#up.length === 0) throw this.#members[0]!.down;
  }

  async send(message: JsonRpcMessage): Promise<void> {
    if (this.#closed) throw new SessionError("CLOSED", "the connection to the servers has ended");
    if (isRequest(message)) {
      // The answer comes as a message, whatever it is; nobody waits for it here.
      void this.#answer(message);
    } else if (isResponse(message)) {
      const question = message.id === undefined ? undefined : this.#questions.get(message.id);
      if (question === undefined || message.id === undefined) return;
      this.#questions.delete(message.id);
      await question.member.send({ ...message, id: question.id });
    } else {
      const cancelled = cancelledRequestOf(message);
      const concerned = cancelled === undefined
        ? this.#up
        : this.#up.filter(({ inFlight }) => inFlight.delete(cancelled));
      await Promise.all(concerned.map((member) => member.send(message)));
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await Promise.all(this.#members.map((member) => member.close()));
    } finally {
      this.onclose?.();
    }
  }

  get #up(): readonly Member[] {
    return this.#members.filter(({ down }) => down === undefined);
  }

  async #answer(request: JsonRpcRequest): Promise<void> {
    try {
      const result = await this.#resultOf(request);
      if (result !== undefined) this.#toHost({ jsonrpc: "2.0", id: request.id, result });
    } catch (error) {
      const { code, message, data } = error instanceof CallError
        ? { code: error.rpcCode, message: error.message, data: error.data }
        : error instanceof RpcRefusal
        ? { code: error.rpcCode, message: error.message, data: undefined }
        : {
          code: INTERNAL_ERROR,
          message: error instanceof Error ? error.message : String(error),
          data: error instanceof CvmError ? { code: error.code } : undefined,
        };
      this.#toHost(errorResponse(request.id, code, message, data));
    }
  }

  /** The result of a request; `undefined` when the answer comes from a server by itself. */
  async #resultOf(request: JsonRpcRequest): Promise<JsonRpcResult["result"] | undefined> {
    const { method, params = {} } = request;
    const list = LISTS[method];
    if (list !== undefined) return { [list.field]: await this.#list(method, list) };
    switch (method) {
      case "initialize":
        return await this.#initialize(params);
      case "ping":
        return {};
      case "logging/setLevel":
        await Promise.allSettled(this.#up.map((member) => member.ask(method, params)));
        return {};
      case "tools/call":
      case "prompts/get": {
        const [member, name] = this.#memberOf(params.name);
        return await this.#forward(member, { ...request, params: { ...params, name } });
      }
      case "resources/read":
      case "resources/subscribe":
      case "resources/unsubscribe":
        return await this.#askOwner(String(params.uri), request);
      case "completion/complete":
        return await this.#complete(request);
    }
    throw new RpcRefusal(METHOD_NOT_FOUND, `${method} can't be put to several servers`);
  }

  async #initialize(params: NonNullable<JsonRpcRequest["params"]>) {
    const results = await this.#askAll((member) => member.ask("initialize", params));
    const capabilities: Record<string, Record<string, unknown>> = {};
    const versions: string[] = [];
    const instructions: string[] = [];
    for (const [member, result] of results) {
      member.agree(result.protocolVersion);
      if (typeof result.protocolVersion === "string") versions.push(result.protocolVersion);
      if (typeof result.instructions === "string") {
        instructions.push(`# ${member.name}\n\n${result.instructions}`);
      }
      const offered = isObject(result.capabilities) ? result.capabilities : {};
      for (const name of COMBINED) {
        const capability = offered[name];
        if (isObject(capability)) capabilities[name] = { ...capabilities[name], ...capability };
      }
    }
    return {
      // Versions are dates: the oldest one is what all of them understand.
      protocolVersion: versions.toSorted()[0],
      capabilities,
      serverInfo: { name: results.map(([{ name }]) => name).join("+"), version: "1" },
      ...(instructions.length > 0 ? { instructions: instructions.join("\n\n") } : {}),
    };
  }

  async #list(
    method: string,
    { field, key }: { readonly field: string; readonly key: string },
  ): Promise<readonly unknown[]> {
    const lists = await this.#askAll(
      (member) => member.list(method, { field, maxItems: this.#maxItems }),
      { quiet: true },
    );
    return lists.flatMap(([member, items]) =>
      items.map((item) => {
        if (!isObject(item) || typeof item[key] !== "string") return item;
        if (key === "name") return { ...item, name: `${member.name}${SEPARATOR}${item[key]}` };
        if (key === "uri") this.#noteOwner(item[key], member);
        return item;
      })
    );
  }

  /** Asks all servers; what one of them refuses or fails at is left out. */
  async #askAll<T>(
    ask: (member: Member) => Promise<T>,
    { quiet = false }: { readonly quiet?: boolean } = {},
  ): Promise<readonly (readonly [Member, T])[]> {
    const asked = this.#up;
    const answers = await Promise.allSettled(asked.map(ask));
    let failure: unknown = this.#members.find(({ down }) => down !== undefined)?.down;
    const given = answers.flatMap((answer, index) => {
      const member = asked[index]!;
      if (answer.status === "fulfilled") return [[member, answer.value] as const];
      failure = answer.reason;
      const { name } = member;
      // A server without resources refuses to list them, and that is no fault.
      if (!(quiet && failure instanceof CallError)) {
        logger.warn("{name} is left out: {failure}", { name, failure });
      }
      return [];
    });
    if (given.length === 0 && !(quiet && failure instanceof CallError)) throw failure;
    return given;
  }

  /** The first server that has a resource keeps it. */
  #noteOwner(uri: string, member: Member): void {
    if (!this.#owners.has(uri) && this.#owners.size < this.#maxItems) this.#owners.set(uri, member);
  }

  #memberOf(name: unknown): readonly [Member, string] {
    const text = String(name);
    const at = text.indexOf(SEPARATOR);
    const member = this.#members.find(({ name }) => at > 0 && name === text.slice(0, at));
    if (member === undefined) {
      const names = this.#members.map(({ name }) => `${name}${SEPARATOR}…`).join(", ");
      throw new RpcRefusal(INVALID_PARAMS, `${text} is of no server here; names begin ${names}`);
    }
    return [member, text.slice(at + SEPARATOR.length)];
  }

  /** Hands a request over as it is: progress and cancellation find their way by its id and token. */
  async #forward(member: Member, request: JsonRpcRequest): Promise<undefined> {
    member.inFlight.add(request.id);
    try {
      await member.send(request);
    } catch (error) {
      if (member.inFlight.delete(request.id)) throw error;
    }
    return undefined;
  }

  /** Asks the server that has a resource; when that is not known, one after the other. */
  async #askOwner(
    uri: string,
    request: JsonRpcRequest,
  ): Promise<JsonRpcResult["result"] | undefined> {
    const owner = this.#owners.get(uri);
    if (owner !== undefined) return await this.#forward(owner, request);
    let failure: unknown;
    for (const member of this.#up) {
      try {
        return await member.ask(request.method, request.params);
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new SessionError("CLOSED", "no server is left");
  }

  async #complete(request: JsonRpcRequest): Promise<JsonRpcResult["result"] | undefined> {
    const ref = request.params?.ref;
    if (isObject(ref) && ref.type === "ref/prompt") {
      const [member, name] = this.#memberOf(ref.name);
      const params = { ...request.params, ref: { ...ref, name } };
      return await this.#forward(member, { ...request, params });
    }
    return await this.#askOwner(isObject(ref) ? String(ref.uri) : "", request);
  }

  #fromMember(member: Member, message: JsonRpcMessage): void {
    if (isRequest(message)) {
      if (this.#questions.size >= this.#maxQuestions) {
        const refusal = errorResponse(message.id, INTERNAL_ERROR, "too many questions are open");
        member.send(refusal).catch((error) => this.onerror?.(error));
        return;
      }
      const id = `${member.name}-${++this.#asked}`;
      this.#questions.set(id, { member, id: message.id });
      this.#toHost({ ...message, id });
    } else if (isResponse(message)) {
      if (message.id !== undefined && member.inFlight.delete(message.id)) this.#toHost(message);
    } else {
      const withdrawn = cancelledRequestOf(message);
      if (withdrawn === undefined) return this.#toHost(message);
      for (const [id, question] of this.#questions) {
        if (question.member !== member || question.id !== withdrawn) continue;
        this.#questions.delete(id);
        this.#toHost({ ...message, params: { ...message.params, requestId: id } });
      }
    }
  }

  /** A server has gone: who waits for it is told; with the last one everything ends. */
  #lost(member: Member): void {
    const reason = member.down?.message ?? "the server has gone";
    for (const id of member.inFlight) {
      this.#toHost(errorResponse(id, INTERNAL_ERROR, reason, { code: "CLOSED" }));
    }
    member.inFlight.clear();
    for (const [id, question] of this.#questions) {
      if (question.member === member) this.#questions.delete(id);
    }
    if (this.#up.length === 0) void this.close();
  }

  #toHost(message: JsonRpcMessage): void {
    if (!this.#closed) this.onmessage?.(message);
  }
}

/** A request that is answered with a JSON-RPC error of our own. */
class RpcRefusal extends Error {
  readonly rpcCode: number;

  constructor(rpcCode: number, message: string) {
    super(message);
    this.rpcCode = rpcCode;
  }
}
