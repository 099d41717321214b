/**
 * A session without a network: how a server in this process asks itself what
 * it has to announce.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { JsonRpcMessage, Transport } from "../types.ts";
import type { OpenStream } from "../transfer/open_stream.ts";
import type { RequestContext, Session } from "./session.ts";

/** The two ends of a connection inside the process. */
export interface LocalConnection {
  /** The end for the MCP server. */
  readonly session: Session;
  /** The end for who asks. */
  readonly client: Transport;
}

class LocalEnd implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any, extra?: any) => void;
  other: LocalEnd | undefined;
  readonly #ended = new AbortController();
  readonly #waiting: JsonRpcMessage[] = [];
  #started = false;

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  start(): Promise<void> {
    this.#started = true;
    for (const message of this.#waiting.splice(0)) this.onmessage?.(message);
    return Promise.resolve();
  }

  send(message: JsonRpcMessage): Promise<void> {
    const { other } = this;
    queueMicrotask(() => other?.deliver(message));
    return Promise.resolve();
  }

  deliver(message: JsonRpcMessage): void {
    if (this.#ended.signal.aborted) return;
    if (this.#started) this.onmessage?.(message);
    else this.#waiting.push(message);
  }

  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.onclose?.();
    await this.other?.close();
  }
}

class LocalSession extends LocalEnd implements Session {
  readonly encrypted = false;
  readonly clientTags = [];
  readonly initializeParams = {};

  constructor(readonly peer: string, readonly sessionId: string) {
    super();
  }

  contextOf(): RequestContext | undefined {
    return undefined; // no event has brought these requests
  }

  openStream(): OpenStream {
    throw new SessionError("STREAM_UNAVAILABLE", "there can be no stream inside a process");
  }
}

/**
 * @param publicKey The key that the session shows as its peer: the server's own.
 * @param sessionId The session's id.
 * @returns Two connected ends.
 */
export function localConnection(publicKey: string, sessionId: string): LocalConnection {
  const session = new LocalSession(publicKey, sessionId);
  const client = new LocalEnd();
  session.other = client;
  client.other = session;
  return { session, client };
}
