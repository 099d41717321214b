/**
 * Everything that a client can ask of an MCP server, and everything that it is asked and told
 * meanwhile: for the comparison of a server with the same server behind a tunnel.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  McpError,
  ProgressNotificationSchema,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { Transport } from "../../transport/types.ts";
import { until, within } from "./_peers.ts";

/** An answer, or the error in its place. */
export type Answer = Record<string, unknown>;

const CAPABILITIES = { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } };
const ROOTS = [{ uri: "file:///one", name: "One" }, { uri: "file:///two", name: "Two" }];

/** A client that answers whatever it is asked, and keeps what it hears. */
export class Surveyor implements AsyncDisposable {
  /** The answers, in the order of the questions. */
  readonly answers: (readonly [string, unknown])[] = [];
  /** What the server asked and told, by method. */
  readonly heard = new Map<string, unknown[]>();
  readonly client: Client;

  private constructor() {
    this.client = new Client({ name: "surveyor", version: "1.0.0" }, {
      capabilities: CAPABILITIES,
    });
    this.client.fallbackNotificationHandler = (notification) => {
      this.#hear(notification.method, notification.params);
      return Promise.resolve();
    };
    // The SDK's own handler forgets a request before it has delivered all of its progress.
    this.client.setNotificationHandler(ProgressNotificationSchema, ({ method, params }) => {
      this.#hear(method, params);
    });
    this.client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      this.#hear("sampling/createMessage", params);
      const content = { type: "text" as const, text: "what the model says" };
      return { model: "none", role: "assistant", content };
    });
    this.client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      this.#hear("elicitation/create", params);
      return { action: "accept", content: { name: "Ada", interpretation: "technical" } };
    });
    this.client.setRequestHandler(ListRootsRequestSchema, (request) => {
      this.#hear("roots/list", request.params);
      return { roots: ROOTS };
    });
  }

  /** Connects, and notes what the server says of itself. */
  static async open(transport: Transport): Promise<Surveyor> {
    const surveyor = new Surveyor();
    const { client } = surveyor;
    try {
      await client.connect(transport, { timeout: 20_000 });
    } catch (error) {
      await client.close();
      throw error;
    }
    surveyor.answers.push(["initialize", {
      capabilities: client.getServerCapabilities(),
      serverInfo: client.getServerVersion(),
      instructions: client.getInstructions(),
    }]);
    return surveyor;
  }

  /** Asks, and notes the answer, or the error. */
  async ask(method: string, params: Answer = {}): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await this.client.request({ method, params }, ResultSchema);
    } catch (error) {
      if (!(error instanceof McpError)) throw error;
      answer = { code: error.code, message: error.message, data: error.data };
    }
    this.answers.push([`${method} ${JSON.stringify(params)}`, normalize(answer)]);
    return answer;
  }

  /** Calls a tool, and asks for its progress; see {@linkcode Surveyor.ask}. */
  async call(name: string, args: Answer = {}): Promise<Answer> {
    const _meta = { progressToken: `progress of ${name}` };
    return await this.ask("tools/call", { name, arguments: args, _meta });
  }

  /** Reads a list to its last page. */
  async list(method: string, key: string): Promise<readonly Answer[]> {
    const items: Answer[] = [];
    let cursor: unknown;
    do {
      const page = await this.ask(method, cursor === undefined ? {} : { cursor });
      if (Array.isArray(page[key])) items.push(...page[key]);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  }

  /** Waits until so many of these have been heard. */
  async hears(method: string, count = 1): Promise<void> {
    await until(() => (this.heard.get(method)?.length ?? 0) >= count, `${count} × ${method}`);
  }

  /** Asks for something that does not end, cancels it, and notes how that ends here. */
  async cancel(name: string): Promise<void> {
    const stop = new AbortController();
    const call = this.client.callTool({ name }, undefined, { signal: stop.signal })
      .then(() => "answered", (error) => String(error));
    // The call has left when a later request has been answered.
    await this.client.ping();
    stop.abort("not needed any more");
    this.answers.push([`cancel ${name}`, await within(call, "the cancelled call")]);
  }

  /** Hangs up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }

  #hear(method: string, params: unknown): void {
    this.heard.set(method, [...this.heard.get(method) ?? [], normalize(params)]);
  }
}

/** Without what differs from one run to the next: times, ids of tasks, and logs of chance. */
function normalize(value: unknown, key?: string): unknown {
  if (typeof value === "string") {
    if (value.startsWith("{\n")) return JSON.parse(value); // whose order is nobody's promise
    const text = key === "blob" ? atob(value) : value;
    return text
      .replace(/\d{1,2}:\d{2}:\d{2}\s[AP]M/g, "<time>")
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
      .replace(/\b[0-9a-f]{32}\b/g, "<task>");
  }
  if (Array.isArray(value)) return value.map((item) => normalize(item));
  if (typeof value !== "object" || value === null) return value;
  if ("level" in value && "data" in value && /level.message/.test(String(value.data))) {
    return "<one of the simulated log messages>";
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, normalize(field, name)]),
  );
}
