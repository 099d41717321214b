/**
 * The connection to several servers that look like one: whose each message is.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { CallError, CvmError, SessionError } from "../../errors.ts";
import type {
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResult,
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
  progressOf,
  progressTokenOf,
} from "../wire/message.ts";
import type { CombineOptions } from "./combined.ts";
import { combineResults, LISTED } from "./_capabilities.ts";
import { failureResponse, isRefusal, RpcRefusal } from "./_failures.ts";
import { Member } from "./_member.ts";
import { Questions } from "./_questions.ts";

const logger = getLogger(["cvm", "combine"]);

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

/** The connection behind {@linkcode combineServers}. */
export class CombinedServers implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;

  readonly #members: readonly Member[];
  readonly #maxItems: number;
  readonly #answerTimeoutMs: number;
  readonly #handshakeTimeoutMs: number;
  /** Which server has a resource, as far as lists and reads have shown. */
  readonly #owners = new Map<string, Member>();
  /** Lists that have been read since they last changed: they need not be read for an owner. */
  readonly #read = new Set<string>();
  readonly #questions: Questions;
  /** The lists that the host has been told of, and is told changes of. */
  #lists: readonly string[] = [];
  #closed = false;

  constructor(
    servers: Readonly<Record<string, Transport>>,
    {
      maxItems = 10_000,
      maxQuestions = 256,
      answerTimeoutMs = 20_000,
      handshakeTimeoutMs = answerTimeoutMs,
    }: CombineOptions,
  ) {
    this.#maxItems = maxItems;
    this.#questions = new Questions(maxQuestions);
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#handshakeTimeoutMs = handshakeTimeoutMs;
    this.#members = Object.entries(servers).map(([name, transport]) => {
      const member: Member = new Member(name, transport, {
        onMessage: (message) => this.#fromMember(member, message),
        onClosed: () => this.#lost(member),
        onLate: (method) => this.#changed(method.split("/")[0]!),
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
      const question = message.id === undefined ? undefined : this.#questions.close(message.id);
      await question?.member.send({ ...message, id: question.id });
    } else {
      const cancelled = cancelledRequestOf(message);
      const concerned = cancelled === undefined
        ? this.#up
        : this.#up.filter(({ inFlight }) => inFlight.delete(cancelled));
      // One that does not take it, since it is about to end, keeps it from no other.
      await Promise.all(
        concerned.map((member) =>
          member.send(message).catch((error) => this.onerror?.(asError(error)))
        ),
      );
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

  /** Those that are worth waiting for. */
  get #present(): readonly Member[] {
    return this.#up.filter(({ absent }) => absent === undefined);
  }

  async #answer(request: JsonRpcRequest): Promise<void> {
    try {
      const result = await this.#resultOf(request);
      if (result !== undefined) this.#toHost({ jsonrpc: "2.0", id: request.id, result });
    } catch (error) {
      this.#toHost(failureResponse(request.id, error));
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
        await this.#setLevel(params);
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
    const results = await this.#shakeHands(params);
    for (const [member, result] of results) member.agree(result.protocolVersion);
    const combined = combineResults(results.map(([{ name }, result]) => [name, result]), {
      names: this.#members.map(({ name }) => name),
      // Of a server that may still come it is not known what it will have.
      isComplete: results.length === this.#up.length,
    });
    this.#lists = LISTED.filter((name) => name in combined.capabilities);
    return combined;
  }

  /** The `initialize` results of those that are there in time: not long after the first one. */
  async #shakeHands(params: NonNullable<JsonRpcRequest["params"]>) {
    const late = Promise.withResolvers<never>();
    late.promise.catch(() => undefined); // with one server nobody waits for it
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await this.#askAll(async (member) => {
        const timeoutMs = this.#handshakeTimeoutMs;
        const result = await Promise.race([
          member.ask("initialize", params, { timeoutMs }),
          late.promise,
        ]).catch((error) => {
          member.absent = asError(error);
          throw error;
        });
        timer ??= setTimeout(() => {
          const reason = `it was not there ${this.#answerTimeoutMs} ms after another one`;
          late.reject(new SessionError("SERVER_NOT_ANSWERING", reason));
        }, this.#answerTimeoutMs);
        return result;
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async #list(
    method: string,
    { field, key }: { readonly field: string; readonly key: string },
  ): Promise<readonly unknown[]> {
    const lists = await this.#askAll(
      (member) => member.list(method, { field, maxItems: this.#maxItems }),
      { quiet: true, asked: this.#present.filter((member) => !member.owes(method)) },
    );
    this.#read.add(method);
    return lists.flatMap(([member, items]) =>
      items.flatMap((item) => {
        const name = isObject(item) ? item[key] : undefined;
        if (!isObject(item) || typeof name !== "string") return [item];
        if (key === "name") return [{ ...item, name: `${member.name}${SEPARATOR}${name}` }];
        this.#noteOwner(name, member);
        // What another one has would not be read from this one.
        return (this.#owners.get(name) ?? member) === member ? [item] : [];
      })
    );
  }

  /** Tells all servers; one that is absent may hear of it when it comes. */
  async #setLevel(params: JsonRpcRequest["params"]): Promise<void> {
    const answers = this.#up.map((member) => {
      const answer = member.ask("logging/setLevel", params).catch((error) =>
        logger.debug("{name}: {error}", { name: member.name, error })
      );
      return member.absent === undefined ? answer : undefined;
    });
    await Promise.all(answers);
  }

  /** Asks all servers; what one of them refuses or fails at is left out. */
  async #askAll<T>(
    ask: (member: Member) => Promise<T>,
    { quiet = false, asked = this.#present }: {
      readonly quiet?: boolean;
      readonly asked?: readonly Member[];
    } = {},
  ): Promise<readonly (readonly [Member, T])[]> {
    const answers = await Promise.allSettled(asked.map(ask));
    const [missing] = this.#members.flatMap(({ down, absent }) => down ?? absent ?? []);
    let failure: unknown = missing ??
      new SessionError("SERVER_NOT_ANSWERING", "what was asked for before is still waited for");
    let isRefused = false;
    const given = answers.flatMap((answer, index) => {
      const member = asked[index]!;
      if (answer.status === "fulfilled") return [[member, answer.value] as const];
      const { name } = member;
      // A server without resources refuses to list them, and that is no fault.
      if (quiet && isRefusal(answer.reason)) {
        isRefused = true;
      } else {
        failure = answer.reason;
        const { message: reason } = asError(failure);
        // Of one that is supervised it has been told.
        if (failure instanceof CallError) {
          logger.info("{name} is left out: {reason}", { name, reason });
        } else logger.warn("{name} is left out: {reason}", { name, reason });
      }
      return [];
    });
    if (given.length === 0 && !isRefused) throw failure;
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
    member.inFlight.set(request.id, progressTokenOf(request));
    try {
      await member.send(request);
    } catch (error) {
      if (member.inFlight.delete(request.id)) throw error;
    }
    return undefined;
  }

  /** Asks the server that has a resource; when lists do not tell, one after the other. */
  async #askOwner(
    uri: string,
    request: JsonRpcRequest,
  ): Promise<JsonRpcResult["result"] | undefined> {
    if (!this.#owners.has(uri)) await this.#lookForOwners(request.method);
    const owner = this.#owners.get(uri);
    if (owner !== undefined) return await this.#forward(owner, request);
    let failure: unknown;
    for (const member of this.#present) {
      try {
        const result = await member.ask(request.method, request.params);
        this.#noteOwner(uri, member);
        return result;
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new SessionError("CLOSED", "no server is left");
  }

  /** Lists what the servers have: one may accept what belongs to another. */
  async #lookForOwners(method: string): Promise<void> {
    const about = method === "completion/complete" ? "resources/templates/list" : "resources/list";
    if (this.#read.has(about)) return;
    try {
      await this.#list(about, LISTS[about]!);
    } catch (error) {
      logger.debug("{about} failed: {error}", { about, error });
    }
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
      const id = this.#questions.open(member, message.id);
      if (id !== undefined) return this.#toHost({ ...message, id });
      const refusal = errorResponse(message.id, INTERNAL_ERROR, "too many questions are open");
      member.send(refusal).catch((error) => this.onerror?.(error));
    } else if (isResponse(message)) {
      if (message.id !== undefined && member.inFlight.delete(message.id)) this.#toHost(message);
    } else {
      const withdrawn = cancelledRequestOf(message);
      if (withdrawn === undefined) return this.#notify(member, message);
      for (const requestId of this.#questions.withdraw(member, withdrawn)) {
        this.#toHost({ ...message, params: { ...message.params, requestId } });
      }
    }
  }

  #notify(member: Member, message: JsonRpcNotification): void {
    const token = progressOf(message);
    // One server does not report on the calls of another.
    if (token !== undefined && ![...member.inFlight.values()].includes(token)) return;
    const [, list] = /^notifications\/(\w+)\/list_changed$/.exec(message.method) ?? [];
    if (list === undefined) this.#toHost(message);
    else this.#changed(list);
  }

  /** Tells the host that a list has changed. */
  #changed(list: string): void {
    if (list === "resources") this.#read.clear();
    if (!this.#lists.includes(list)) return;
    this.#toHost({ jsonrpc: "2.0", method: `notifications/${list}/list_changed` });
  }

  /** A server has gone: who waits for it is told; with the last one everything ends. */
  #lost(member: Member): void {
    const { down } = member;
    const reason = down?.message ?? "the server has gone";
    const code = down instanceof CvmError ? down.code : "CLOSED";
    for (const id of member.inFlight.keys()) {
      this.#toHost(errorResponse(id, INTERNAL_ERROR, reason, { code }));
    }
    member.inFlight.clear();
    for (const requestId of this.#questions.withdraw(member)) {
      const params = { requestId, reason: "The server that asked has gone" };
      this.#toHost({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    }
    for (const [uri, owner] of this.#owners) if (owner === member) this.#owners.delete(uri);
    this.#read.clear();
    if (this.#up.length === 0) {
      if (down !== undefined) this.onerror?.(down);
      void this.close();
    }
    for (const list of this.#lists) this.#changed(list);
  }

  #toHost(message: JsonRpcMessage): void {
    if (!this.#closed) this.onmessage?.(message);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
