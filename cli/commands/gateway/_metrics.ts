/**
 * What a gateway does, in numbers. Labels are few: a server's short name, the
 * methods that MCP has, outcomes, relays of the configuration; never a key, and
 * nothing that a client made up. Servers under one key are each a `server` of
 * their own where it is about the program, and one where it is about requests.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RelayState } from "../../../transport/relay/status.ts";
import type { RequestObserver } from "../../../transport/server.ts";
import { REQUEST_METHODS } from "../../mcp_methods.ts";
import { VERSION } from "../../version.ts";
import type { GatewayUnit } from "./_unit.ts";

const RELAY_STATES: readonly RelayState[] = ["idle", "connecting", "open", "waiting", "closed"];

const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Counts requests, and reads the rest from the servers when asked. */
export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"server" | "method" | "outcome">;
  readonly #durations: Histogram<"server" | "method">;
  readonly #inFlight: Gauge<"server">;

  /** @param units The servers; read at each scrape. */
  constructor(units: () => readonly GatewayUnit[]) {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "cvm_requests_total",
      help: "Requests of clients, by how they ended.",
      labelNames: ["server", "method", "outcome"],
      registers,
    });
    this.#durations = new Histogram({
      name: "cvm_request_duration_seconds",
      help: "From the arrival of a request to the delivery of its answer.",
      labelNames: ["server", "method"],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    });
    this.#inFlight = new Gauge({
      name: "cvm_requests_in_flight",
      help: "Requests that are being worked on.",
      labelNames: ["server"],
      registers,
    });
    const info = new Gauge({
      name: "cvm_build_info",
      help: "The version of cvm.",
      labelNames: ["version"],
      registers,
    });
    info.set({ version: VERSION }, 1);
    this.#read(
      "cvm_sessions",
      "Clients that have a session.",
      () => units().map(({ plan, status }) => [plan.label, status.sessions]),
    );
    this.#read(
      "cvm_upstream_up",
      "Whether the MCP server works.",
      () =>
        units().flatMap(programsOf).map(({ server, state }) => [
          server,
          state === "up" || state === "draining" ? 1 : 0,
        ]),
    );
    this.#countRestarts(units);
    this.#readRelays(units);
  }

  /** Counts the requests of a server. */
  observer(server: string): RequestObserver {
    this.#inFlight.set({ server }, 0);
    return {
      onRequest: () => this.#inFlight.inc({ server }),
      onSettled: ({ method, outcome, durationMs }) => {
        const label = REQUEST_METHODS.has(method) ? method : "other";
        this.#requests.inc({ server, method: label, outcome });
        if (outcome === "refused") return;
        this.#inFlight.dec({ server });
        this.#durations.observe({ server, method: label }, durationMs / 1000);
      },
    };
  }

  /** All metrics, in the text format of Prometheus. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  #read(
    name: string,
    help: string,
    values: () => readonly (readonly [server: string, value: number])[],
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ["server"],
      registers: [this.#registry],
      collect() {
        for (const [server, value] of values()) this.set({ server }, value);
      },
    });
  }

  #countRestarts(units: () => readonly GatewayUnit[]): void {
    new Counter({
      name: "cvm_upstream_restarts_total",
      help: "How often the MCP server was started again.",
      labelNames: ["server"],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const { server, restarts } of units().flatMap(programsOf)) {
          this.inc({ server }, restarts);
        }
      },
    });
  }

  #readRelays(units: () => readonly GatewayUnit[]): void {
    new Gauge({
      name: "cvm_relay_state",
      help: "1 for the state that the connection to a relay is in.",
      labelNames: ["server", "relay", "state"],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const { plan, pool } of units()) {
          for (const { url, state } of pool?.snapshot() ?? []) {
            for (const each of RELAY_STATES) {
              const labels = { server: plan.label, relay: url, state: each };
              this.set(labels, each === state ? 1 : 0);
            }
          }
        }
      },
    });
  }
}

/** The MCP servers behind a key; where each client has its own, the one thing to tell is whether that works. */
function programsOf(
  { plan, status, members }: GatewayUnit,
): readonly { readonly server: string; readonly state: string; readonly restarts: number }[] {
  if (members !== undefined && !plan.perClient) return members;
  return [{ server: plan.label, state: status.state, restarts: status.restarts }];
}
