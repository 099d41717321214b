/**
 * What a case is played on: the parts of a triple, the suite's own peers, and
 * the end of everything.
 *
 * @module
 */
import type { NostrEvent } from "../../../crypto/event.ts";
import type { RelayFaults } from "../faults.ts";
import { check, ConformanceFailure, type WaitBounds, within } from "./failure.ts";
import { FixtureLog, FixtureServer } from "./fixture_server.ts";
import { McpCaller, type McpCallerOptions, type Outcome } from "./mcp_caller.ts";
import { ScriptedServer, type ScriptedServerOptions } from "./scripted_server.ts";
import type {
  ConformanceCase,
  ConformanceModes,
  ConformancePart,
  ConformanceRelay,
  ConformanceRunOptions,
  ConformanceTriple,
} from "./target.ts";
import { type WireMessage, WirePeer, type Wrap } from "./wire_peer.ts";

/** How long the first of several attempts may take, milliseconds; each has twice as long as the one before. */
const FIRST_ATTEMPT_MS = 50;

/** The modes where a case does not say otherwise. */
const DEFAULT_MODES: ConformanceModes = { encryption: "optional", giftWrap: "optional" };

/** A server under test, and what it was asked to do. */
export interface StagedServer {
  /** Its public key, hex. */
  readonly publicKey: string;
  /** What its tools were asked to do. */
  readonly log: FixtureLog;
}

/** How a client under test is opened. */
export interface OpenClientOptions extends Partial<ConformanceModes>, McpCallerOptions {
  /** @default {false} */
  readonly stateless?: boolean;
}

/** What a case is played on. */
export class Stage {
  /** The bounds of every wait. */
  readonly bounds: WaitBounds;
  readonly #triple: ConformanceTriple;
  readonly #closers: (() => Promise<void>)[] = [];
  #calls = 0;

  /** @param triple What is under test. @param options Bounds. */
  constructor(triple: ConformanceTriple, options: ConformanceRunOptions = {}) {
    this.#triple = triple;
    this.bounds = { timeoutMs: options.timeoutMs ?? 5_000, signal: options.signal };
  }

  /** The relays. */
  get relay(): ConformanceRelay {
    return this.#triple.relay;
  }

  /** What makes the relay misbehave. */
  get faults(): RelayFaults {
    const { faults } = this.relay;
    check(faults !== undefined, "the relay can misbehave");
    return faults;
  }

  /** Starts the server under test. */
  async server(
    options: Partial<ConformanceModes> & { readonly announce?: boolean } = {},
  ): Promise<StagedServer> {
    const { startServer } = this.#triple;
    check(startServer !== undefined, "the triple has a server");
    const log = new FixtureLog();
    const server = await within(
      "the server's start",
      startServer({
        ...DEFAULT_MODES,
        announce: false,
        ...options,
        createMcpServer: () => new FixtureServer(log),
      }),
      this.bounds,
    );
    this.#closers.push(() => server.close());
    return { publicKey: server.publicKey, log };
  }

  /** Opens the client under test, and does the handshake. */
  async client(server: string, options: OpenClientOptions = {}): Promise<McpCaller> {
    const caller = await this.unopenedClient(server, options);
    await caller.open();
    return caller;
  }

  /** Makes the client under test, and leaves the handshake to the case. */
  async unopenedClient(server: string, options: OpenClientOptions = {}): Promise<McpCaller> {
    const { openClient } = this.#triple;
    check(openClient !== undefined, "the triple has a client");
    const { sampling, ...modes } = options;
    const transport = await openClient({ ...DEFAULT_MODES, stateless: false, ...modes, server });
    const caller = new McpCaller(transport, this.bounds, { sampling });
    this.#closers.push(() => caller.close());
    return caller;
  }

  /** A peer of the suite's own, subscribed; or one that watches what others get. */
  async peer(watched?: readonly string[]): Promise<WirePeer> {
    const peer = new WirePeer(this.relay, this.bounds);
    this.#closers.push(() => peer.close());
    await peer.open(watched);
    return peer;
  }

  /** A server of the suite's own, for the client under test. */
  async scripted(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(this.relay, this.bounds, options);
    this.#closers.push(() => server.peer.close());
    await server.peer.open();
    return server;
  }

  /** A call of a tool as a message. */
  toolCall(name: string, input: Record<string, unknown> = {}, progressToken?: string | number) {
    const meta = progressToken === undefined ? {} : { _meta: { progressToken } };
    const params = { name, arguments: input, ...meta };
    return { jsonrpc: "2.0", id: ++this.#calls, method: "tools/call", params } as const;
  }

  /** Calls a tool of the server under test by hand, and waits for the answer. */
  async callByHand(
    peer: WirePeer,
    server: string,
    wrap: Wrap,
    name: string,
    input: Record<string, unknown> = {},
  ): Promise<WireMessage> {
    const event = await peer.send(this.toolCall(name, input), { to: server, wrap });
    return await peer.answerTo(event);
  }

  /**
   * Publishes events to the server under test, and returns what its tools were asked to do by the
   * time that it has answered two calls that came later: nothing is waited for in vain.
   */
  async ranAfter(
    peer: WirePeer,
    { publicKey, log }: StagedServer,
    events: readonly NostrEvent[],
  ): Promise<readonly string[]> {
    await Promise.all(events.map((event) => peer.publish(event)));
    for (const text of ["barrier 1", "barrier 2"]) {
      await this.callByHand(peer, publicKey, 21059, "echo", { text });
    }
    return log.calls.filter((text) => !text.startsWith("barrier"));
  }

  /** Tries until something works; the first attempts give up soon. */
  async eventually(
    what: string,
    attempt: (bounds: WaitBounds) => Promise<void>,
  ): Promise<void> {
    const deadline = performance.now() + this.bounds.timeoutMs;
    let reason: unknown;
    for (let timeoutMs = FIRST_ATTEMPT_MS; performance.now() < deadline; timeoutMs *= 2) {
      this.bounds.signal?.throwIfAborted();
      try {
        return await attempt({ ...this.bounds, timeoutMs });
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        reason = error;
        await new Promise((resolve) => setTimeout(resolve, FIRST_ATTEMPT_MS / 5));
      }
    }
    const why = reason instanceof Error ? reason.message : String(reason);
    throw new ConformanceFailure(`${what}: not within ${this.bounds.timeoutMs} ms; ${why}`);
  }

  /** Waits until `echo` works from the client to the server under test. */
  echoWorks(caller: McpCaller, what: string): Promise<void> {
    return this.eventually(what, async (bounds) => {
      const text = `still there? ${++this.#calls}`;
      const outcome = await caller.call("echo", { text }, bounds);
      check(outcome.text === text, "echo says the same", outcome);
    });
  }

  /** Ends everything that the case has started, the youngest first. */
  async close(): Promise<void> {
    this.relay.faults?.clear();
    this.relay.faults?.release();
    const errors: unknown[] = [];
    const bounds = { ...this.bounds, signal: undefined };
    for (const close of this.#closers.reverse()) {
      await within("the end of a part", close(), bounds).catch((error) => errors.push(error));
    }
    if (errors.length > 0) throw new AggregateError(errors, "the end of a case failed");
  }
}

/** What a case consists of. */
export interface CaseDefinition
  extends Pick<ConformanceCase, "id" | "title" | "requirement" | "needs"> {
  /** Plays it. */
  readonly play: (stage: Stage) => Promise<void>;
}

/** A case that is played on a stage of its own. */
export function defineCase({ play, ...facts }: CaseDefinition): ConformanceCase {
  return {
    ...facts,
    async run(triple, options = {}) {
      const missing = missingPart(facts.needs, triple);
      check(missing === undefined, `the triple has what ${facts.id} needs`, missing);
      const stage = new Stage(triple, options);
      try {
        await play(stage);
      } finally {
        await stage.close();
      }
    },
  };
}

/** The first part that a triple does not have. */
export function missingPart(
  needs: readonly ConformancePart[],
  { relay, startServer, openClient }: ConformanceTriple,
): ConformancePart | undefined {
  const has = { server: startServer, client: openClient, faults: relay.faults };
  return needs.find((part) => has[part] === undefined);
}

/** What a tool's outcome is when all went well. */
export function checkText(outcome: Outcome, text: string): void {
  check(
    !outcome.isError && outcome.text === text,
    `the answer is ${JSON.stringify(text)}`,
    outcome,
  );
}
