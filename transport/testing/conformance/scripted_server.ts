/**
 * A server that is played by hand, for the client under test.
 *
 * @module
 */
import type { JsonRpcMessage, RequestId } from "../../types.ts";
import { isRequest } from "../../wire/message.ts";
import { SUPPORT_ENCRYPTION, SUPPORT_ENCRYPTION_EPHEMERAL } from "../../wire/tags.ts";
import type { WaitBounds } from "./failure.ts";
import type { ConformanceRelay } from "./target.ts";
import { type WireMessage, WirePeer, type Wrap } from "./wire_peer.ts";

/** What a scripted server understands, and says that it understands. */
export interface ScriptedServerOptions {
  /**
   * How messages may come; others are not read.
   * @default {["plain", 1059, 21059]}
   */
  readonly accepts?: readonly Wrap[];
  /**
   * Whether calls of `echo` are answered by themselves.
   * @default {false}
   */
  readonly echoes?: boolean;
}

/** A server that is played by hand: it does the handshake by itself, the rest is the case's. */
export class ScriptedServer {
  /** Its end of the wire. */
  readonly peer: WirePeer;
  readonly #accepts: readonly Wrap[];
  readonly #echoes: boolean;
  /** What a case waits for fails with these. */
  readonly errors: unknown[] = [];

  /** @param relay Where it listens. @param bounds How long things may take. @param options What it understands. */
  constructor(relay: ConformanceRelay, bounds: WaitBounds, options: ScriptedServerOptions = {}) {
    const { accepts = ["plain", 1059, 21059], echoes = false } = options;
    this.#accepts = accepts;
    this.#echoes = echoes;
    this.peer = new WirePeer(relay, bounds);
    this.peer.onMessage = (message) => {
      this.#react(message).catch((error) => this.errors.push(error));
    };
  }

  /** The messages that it has read. */
  get messages(): readonly WireMessage[] {
    return this.peer.messages.filter(({ wrap }) => this.#accepts.includes(wrap));
  }

  /** Waits for a call of a tool. */
  call(name: string): Promise<WireMessage> {
    return this.peer.next(`a call of ${name}`, (received) => {
      return this.#accepts.includes(received.wrap) && calledTool(received.message) === name;
    });
  }

  /** Waits for a message with a method. */
  method(method: string): Promise<WireMessage> {
    return this.peer.next(method, ({ wrap, message }) => {
      return this.#accepts.includes(wrap) && "method" in message && message.method === method;
    });
  }

  /** The answer to a request, signed and not sent. */
  async answer(request: WireMessage, text: string, id: RequestId = idOf(request.message)) {
    const { event } = request;
    const result = { content: [{ type: "text", text }] };
    return await this.peer.sign({ jsonrpc: "2.0", id, result }, event.pubkey, {
      tags: [["p", event.pubkey], ["e", event.id]],
    });
  }

  /** Answers a call, in the wrap in which it came. */
  async reply(request: WireMessage, text: string): Promise<void> {
    const answer = await this.answer(request, text);
    await this.peer.publish(this.peer.wrap(answer, request.event.pubkey, request.wrap));
  }

  async #react(received: WireMessage): Promise<void> {
    const { event, message, wrap } = received;
    if (!this.#accepts.includes(wrap) || !isRequest(message)) return;
    if (this.#echoes && calledTool(message) === "echo") {
      const input = message.params?.arguments;
      const text = typeof input === "object" && input !== null && "text" in input ? input.text : "";
      await this.reply(received, String(text));
    }
    if (message.method !== "initialize") return;
    const result = {
      protocolVersion: message.params?.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: "scripted", version: "1.0.0" },
    };
    await this.peer.send({ jsonrpc: "2.0", id: message.id, result }, {
      to: event.pubkey,
      wrap,
      tags: [["e", event.id], ["name", "scripted"], ...this.#flags()],
    });
  }

  #flags(): string[][] {
    const flags: string[][] = [];
    if (this.#accepts.some((wrap) => wrap !== "plain")) flags.push([SUPPORT_ENCRYPTION]);
    if (this.#accepts.includes(21059)) flags.push([SUPPORT_ENCRYPTION_EPHEMERAL]);
    return flags;
  }
}

/** The tool that a message calls, if it does. */
export function calledTool(message: JsonRpcMessage): unknown {
  return isRequest(message) && message.method === "tools/call" ? message.params?.name : undefined;
}

function idOf(message: JsonRpcMessage): RequestId {
  return isRequest(message) ? message.id : "";
}
