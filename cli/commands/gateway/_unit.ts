/**
 * One server of a gateway: started, started again, given up.
 *
 * @module
 */
import { engineNames } from "../../../crypto/engine_choice.ts";
import { CvmError, InputError, UpstreamError } from "../../../errors.ts";
import {
  combineUpstreams,
  type CombineUpstreamsOptions,
  filterTools,
  type GatewayStatus,
  McpGateway,
  type McpGatewayOptions,
  type OpenUpstream,
} from "../../../transport/gateway.ts";
import type { RelayPool } from "../../../transport/relay/pool.ts";
import { Backoff } from "../../../transport/relay/backoff.ts";
import type { DrainOptions } from "../../../transport/server.ts";
import type { Journal } from "./_journal.ts";
import { Members, type MemberState } from "./_members.ts";
import type { GatewayPlan } from "./_plan.ts";
import { isMute, WriteProbe } from "./_write_probe.ts";

/** After so many milliseconds the operator is told what is waited for. */
const WAITING_MS = 4_000;

/** How long the last answers may take of a server that is given up. */
const FAREWELL_MS = 2_000;

/** How a unit is doing. */
export type UnitState = GatewayStatus["state"];

/** What is told of one of several servers under one key. */
type MemberChange = Parameters<NonNullable<CombineUpstreamsOptions["onStatus"]>>[1];

/** Options of a {@linkcode GatewayUnit}. */
export interface GatewayUnitOptions {
  /** Everything of the gateway that does not depend on the plan. */
  readonly gateway: Omit<McpGatewayOptions, "signer" | "upstream" | "info" | "perClient">;
  /** Whether a first start that fails is tried again, as among several servers. */
  readonly keepsTrying: boolean;
  /** Told when the server can be reached. */
  readonly onUp: (gateway: McpGateway) => Promise<void>;
  /** Where the operator is told of what happens. */
  readonly journal: Journal;
  /** Whether messages name the server. */
  readonly isNamed: boolean;
}

/** One server, kept on Nostr. */
export class GatewayUnit {
  /** What is run. */
  readonly plan: GatewayPlan;
  readonly #options: GatewayUnitOptions;
  readonly #members: Members | undefined;
  /** Aborted when it has to end before it has started. */
  readonly #stop = new AbortController();
  #runs = false;
  #gateway: McpGateway | undefined;
  #probe: WriteProbe | undefined;
  #status: GatewayStatus;

  /**
   * @param plan What to run.
   * @param options How.
   */
  constructor(plan: GatewayPlan, options: GatewayUnitOptions) {
    this.plan = plan;
    this.#options = options;
    const engine = engineNames({ ...options.gateway, signer: plan.key.signer });
    this.#status = { state: "starting", since: Date.now(), restarts: 0, sessions: 0, engine };
    const { upstream } = plan;
    if (typeof upstream !== "function") this.#members = new Members(Object.keys(upstream));
  }

  /** How it is doing. */
  get status(): GatewayStatus {
    return this.#status;
  }

  /** The servers that it is, where those are several. */
  get members(): readonly MemberState[] | undefined {
    return this.#members?.all;
  }

  /** Its relays; `undefined` while it can't be reached. */
  get pool(): RelayPool | undefined {
    return this.#status.state === "starting" ? undefined : this.#gateway?.pool;
  }

  /** Whether a relay takes its answers. Where it seems that none does, they are asked. */
  async canAnswer(): Promise<boolean> {
    const { pool } = this;
    if (pool === undefined) return false;
    // What was refused last may have been one answer, not all of them.
    if (isMute(pool)) await this.#probe?.start();
    return !isMute(pool);
  }

  /**
   * Runs until it is drained.
   *
   * @throws {UpstreamError} UPSTREAM_FAILED when the MCP server died too often.
   * @throws {CvmError} Why it could not be started, unless it keeps trying.
   */
  async run(): Promise<void> {
    const gateway = await this.#start();
    if (gateway === undefined) return;
    const { encryption, giftWrap } = this.#options.gateway;
    const { signer } = this.plan.key;
    using probe = new WriteProbe(gateway.pool, { signer, encryption, giftWrap });
    this.#probe = probe;
    await probe.start();
    await this.#options.onUp(gateway);
    for await (const status of gateway.status()) {
      const before = this.#status.state;
      this.#status = status;
      if (status.state !== before) this.#tell(status, before);
      if (status.state === "failed") {
        await gateway.drain({ timeoutMs: FAREWELL_MS }); // who waits has just been answered
        throw new UpstreamError("UPSTREAM_FAILED", status.reason ?? "the MCP server failed");
      }
    }
  }

  /** Lets what is in flight end, then closes; false when something was cut off. */
  async drain(options: DrainOptions): Promise<boolean> {
    if (!this.#runs) this.#stop.abort();
    return await this.#gateway?.drain(options) ?? true;
  }

  async #start(): Promise<McpGateway | undefined> {
    const { keepsTrying, journal } = this.#options;
    const backoff = new Backoff(this.#options.gateway.restart);
    const { maxDeaths = Infinity } = this.#options.gateway.restart ?? {};
    let deaths = 0;
    while (!this.#stop.signal.aborted) {
      const gateway = this.#gateway = this.#make();
      try {
        await this.#startAloud(gateway);
        this.#runs = true;
        return gateway;
      } catch (error) {
        if (this.#stop.signal.aborted) return undefined;
        // What the operator has to mend first is not mended by waiting.
        const isFinal = !(error instanceof CvmError) || error instanceof InputError ||
          (error instanceof UpstreamError && ++deaths >= maxDeaths);
        if (!keepsTrying || isFinal) {
          this.#status = { ...this.#status, state: "failed", since: Date.now() };
          throw error;
        }
        const waitMs = backoff.next();
        const seconds = (waitMs / 1000).toFixed(1);
        journal.warn(`${error.message}; tried again in ${seconds} s`, this.#facts({}));
        await this.#wait(waitMs);
      }
    }
    return undefined;
  }

  /** Starts the gateway, and tells what it waits for when that takes long. */
  async #startAloud(gateway: McpGateway): Promise<void> {
    const { startTimeoutMs = 60_000 } = this.#options.gateway;
    const timer = setTimeout(() => {
      const limit = `${startTimeoutMs / 1000} s (--start-timeout)`;
      this.#options.journal.say(
        `still waiting for the MCP server to answer initialize, at most ${limit}`,
        this.#facts({}),
      );
    }, WAITING_MS);
    try {
      await gateway.start();
    } finally {
      clearTimeout(timer);
    }
  }

  #make(): McpGateway {
    const { key, info, perClient, tools, announce } = this.plan;
    const { gateway } = this.#options;
    const open = this.#open();
    return new McpGateway({
      ...gateway,
      signer: key.signer,
      upstream: tools === undefined ? open : async () => filterTools(await open(), tools),
      // Where several servers are one, it ends when each of them has been given up.
      restart: this.#members === undefined ? gateway.restart : { ...gateway.restart, maxDeaths: 1 },
      info,
      perClient,
      announce: announce && gateway.announce,
      signal: this.#stop.signal,
    });
  }

  #open(): OpenUpstream {
    const { upstream } = this.plan;
    if (typeof upstream === "function") return upstream;
    const { restart, startTimeoutMs } = this.#options.gateway;
    const onStatus = (name: string, change: MemberChange) => {
      this.#members?.note(name, change);
      this.#tellOfMember(name, change);
    };
    return combineUpstreams(upstream, { restart, startTimeoutMs, onStatus });
  }

  #tellOfMember(server: string, { state, before, reason, retryAt }: MemberChange): void {
    const { journal } = this.#options;
    if (state === "failed") journal.warn(`given up: ${reason}`, { server, state });
    else if (state === "down") {
      journal.warn(`${reason}; ${restartText(retryAt)}`, { server, state });
    } else if (state === "up" && before === "down") {
      journal.say("the MCP server is up", { server, state });
    }
  }

  #tell({ state, reason, retryAt }: GatewayStatus, before: UnitState): void {
    const { journal } = this.#options;
    if (state === "down") {
      const facts = this.#facts({ state });
      journal.warn(`${reason ?? "the MCP server is down"}; ${restartText(retryAt)}`, facts);
    } else if (state === "up" && before === "down") {
      journal.say("the MCP server is up", this.#facts({ state }));
    }
  }

  #facts(facts: Readonly<Record<string, string>>) {
    return { ...facts, server: this.#options.isNamed ? this.plan.label : undefined };
  }

  async #wait(milliseconds: number): Promise<void> {
    const { signal } = this.#stop;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      }, { once: true });
    });
  }
}

function restartText(retryAt = 0): string {
  const seconds = (Math.max(0, retryAt - Date.now()) / 1000).toFixed(1);
  return `it will be started again in ${seconds} s`;
}
