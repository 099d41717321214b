/** A bare HTTP client, and a server behind the endpoint that answers with what it was asked. */
import { type HttpSession, serveHttp, type ServeHttpOptions } from "../../../cli/http/mod.ts";
import type { JsonRpcMessage, RequestId } from "../../../transport/types.ts";

/** The newest version that is spoken here. */
export const VERSION = "2025-11-25";

/** Starts an endpoint. A request whose method is `hold` is not answered; others get their own text back. */
export function startEndpoint(options: Partial<ServeHttpOptions> = {}) {
  const sessions: HttpSession[] = [];
  const received: JsonRpcMessage[] = [];
  const endpoint = serveHttp({
    port: 0,
    onSession: (session) => {
      sessions.push(session);
      session.onmessage = (message: JsonRpcMessage) => {
        received.push(message);
        if (!("method" in message) || !("id" in message) || message.method === "hold") return;
        void session.send({ jsonrpc: "2.0", id: message.id, result: { ...message } });
      };
    },
    ...options,
  });
  return {
    endpoint,
    /** The sessions in the order in which they were opened. */
    sessions,
    received,
    [Symbol.asyncDispose]: () => endpoint.close(),
  };
}

/** Sends a request with the headers that every request needs. */
export function send(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
  method = "POST",
): Promise<Response> {
  return fetch(url, {
    method,
    headers: {
      accept: "application/json, text/event-stream",
      ...(method === "POST" ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    body: method === "POST" ? JSON.stringify(body) : undefined,
  });
}

/** The request that opens a session. */
export function initializeRequest(protocolVersion = VERSION) {
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: "t", version: "1" } };
  return { jsonrpc: "2.0", id: "first", method: "initialize", params };
}

/** Opens a session; its headers go with each further request. */
export async function initialize(url: string): Promise<Record<string, string>> {
  const response = await send(url, initializeRequest());
  const id = response.headers.get("mcp-session-id") ?? "none";
  await response.body?.cancel();
  return { "mcp-session-id": id, "mcp-protocol-version": VERSION };
}

/** A request of the bare client. */
export function request(id: RequestId, method = "echo", params = {}) {
  return { jsonrpc: "2.0", id, method, params };
}

/** Reads the events of a response one by one. */
export class EventReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";
  /** The id of the last event. */
  lastEventId = "";

  /** @param response An event stream. */
  constructor(response: Response) {
    if (response.body === null) throw new TypeError(`no body: ${response.status}`);
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next message; `undefined` at the end. Events without one are passed over. */
  async next(): Promise<Record<string, unknown> | undefined> {
    while (true) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) {
        const { value, done } = await this.#reader.read();
        if (done) return undefined;
        this.#text += value;
        continue;
      }
      const event = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      this.lastEventId = /^id: (.*)$/m.exec(event)?.[1] ?? this.lastEventId;
      const data = /^data: (.+)$/m.exec(event)?.[1];
      if (data !== undefined) return JSON.parse(data);
    }
  }

  /** Hangs up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}
