/**
 * `cvm gateway`: puts MCP servers on Nostr until it is stopped.
 *
 * @module
 */
import type { AnnounceOptions } from "../../../transport/discovery/announcer.ts";
import type { SessionLimits } from "../../../transport/session/limits.ts";
import { allowedKeys, followAllowFile } from "../../allow_option.ts";
import { loadConfig } from "../../config.ts";
import { poolOptions } from "../../connection.ts";
import { DEFAULT_RELAYS } from "../../default_relays.ts";
import { UsageError } from "../../exit_codes.ts";
import { serveHealth } from "../../http/serve_health.ts";
import { type CliIo, Interrupt, untilAborted } from "../../io.ts";
import { Output } from "../../output.ts";
import { readinessOf } from "./_health.ts";
import { Journal } from "./_journal.ts";
import { planFile } from "./_file_plans.ts";
import { type GatewayPlan, planCommand } from "./_plan.ts";
import { openReplayFile } from "./_replay.ts";
import { reportUnit } from "./_report.ts";
import { observers, requestLog } from "./_request_log.ts";
import { GatewayUnit } from "./_unit.ts";
import type { GatewayArguments } from "./command.ts";

/** Runs the gateway until it is stopped, or until none of its servers is left. */
export async function runGateway(args: GatewayArguments, io: CliIo): Promise<void> {
  checkArguments(args);
  const output = new Output(io, args.format);
  // Standard error is for programs when its log is.
  const report = new Output(io, args.logFormat === "json" ? "json" : args.format);
  const journal = new Journal(io, args.logFormat);
  const { relayList = true, announceRelay: bootstrapRelays } = args;
  const announce: AnnounceOptions = { relayList, bootstrapRelays };
  const plans = args.servers === undefined
    ? [await planCommand(args, io, journal)]
    : await planFile(args, { file: args.servers, io, journal });
  for (const { key: { warning } } of plans) if (warning !== undefined) journal.warn(warning);
  const relays = args.relay.length > 0
    ? args.relay
    : (await loadConfig(io)).relays ?? DEFAULT_RELAYS;
  const pool = poolOptions(args);
  if (args.deleteAnnouncement) {
    const { withdrawAnnouncements } = await import("./_withdraw.ts");
    const options = { relays, pool, announce, output, signal: io.signal };
    return await withdrawAnnouncements(plans, options);
  }
  await using allowFile = await followAllowFile(args.allowFile, {
    io,
    many: "clients are let in",
    nobody: "nobody is let in",
    say: (message) => journal.say(message),
    warn: (message) => journal.warn(message),
  });
  const units: GatewayUnit[] = [];
  const metrics = args.health === undefined
    ? undefined
    : new (await import("./_metrics.ts")).GatewayMetrics(() => units);
  using kept = new DisposableStack();
  const telemetry = io.env.get("OTEL_DENO") === "true"
    ? (await import("./_telemetry.ts")).telemetry
    : undefined;
  for (const plan of plans) {
    const { allow, label, key, profile, commonSchemas } = plan;
    const replayMemory = kept.use(await openReplayFile(key, io, journal));
    const watching = [requestLog(label), metrics?.observer(label), telemetry?.(label)];
    const observer = observers(watching.filter((each) => each !== undefined));
    units.push(
      new GatewayUnit(plan, {
        gateway: {
          relays,
          pool,
          startTimeoutMs: args.startTimeoutMs,
          encryption: args.encryption,
          giftWrap: args.giftWrap,
          replayMemory,
          engine: io.engine,
          workers: io.workers,
          access: { allow: allowedKeys(allow, allowFile) },
          limits: limitsOf(args),
          announce: { ...announce, profile },
          commonSchemas,
          injectClientPubkey: args.injectClientPubkey,
          oversizedTransfer: !args.noOversizedTransfer,
          openStream: !args.noOpenStream,
          restart: {
            maxDeaths: args.crashLimit === 0 ? Infinity : args.crashLimit,
            windowMs: args.crashWindowMs,
          },
          observer,
        },
        keepsTrying: countServers(plans) > 1,
        isNamed: args.servers !== undefined && !args.oneKey,
        journal,
        onUp: (gateway) => reportUnit(gateway, plan, report),
      }),
    );
  }
  await using health = args.health === undefined || metrics === undefined
    ? undefined
    : serveHealth({
      port: args.health,
      readiness: () => readinessOf(units),
      metrics: () => metrics.text(),
    });
  if (health !== undefined) journal.say(`health at ${health.url}`, { url: health.url });
  await runUnits(units, { args, io, journal });
}

function countServers(plans: readonly GatewayPlan[]): number {
  const counts = plans.map(({ upstream }) =>
    typeof upstream === "function" ? 1 : Object.keys(upstream).length
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Runs all servers; throws the last failure when none is left. */
async function runUnits(
  units: readonly GatewayUnit[],
  { args, io, journal }: {
    readonly args: GatewayArguments;
    readonly io: CliIo;
    readonly journal: Journal;
  },
): Promise<void> {
  let failure: unknown;
  const ended = Promise.all(units.map(async (unit) => {
    try {
      await unit.run();
    } catch (error) {
      failure = error;
      if (units.length === 1) return;
      const reason = error instanceof Error ? error.message : String(error);
      journal.warn(`given up: ${reason}`, { server: unit.plan.label, state: "failed" });
    }
  }));
  await Promise.race([untilAborted(io.signal), ended]);
  if (!io.signal.aborted) {
    if (failure !== undefined) throw failure;
    return;
  }
  const { drainTimeoutMs } = args;
  const by = io.signal.reason instanceof Interrupt ? io.signal.reason.by : "the end";
  const seconds = drainTimeoutMs / 1000;
  journal.say(
    `${by}: no new requests are taken; those in flight have ${seconds} s; a second signal ends at once`,
    { state: "draining" },
  );
  const through = await Promise.all(
    units.map((unit) => unit.drain({ timeoutMs: drainTimeoutMs })),
  );
  if (through.includes(false)) {
    journal.warn("requests were cut off, and answered with an error", { state: "closed" });
  }
  await ended;
  io.signal.throwIfAborted();
}

function checkArguments(args: GatewayArguments): void {
  if (args.announce || args.deleteAnnouncement || args.servers !== undefined) return;
  const idle = args.announceRelay.length > 0
    ? "--announce-relay"
    : args.profile !== undefined
    ? "--profile"
    : args.relayList !== undefined
    ? args.relayList ? "--relay-list" : "--no-relay-list"
    : undefined;
  if (idle !== undefined) throw new UsageError(`${idle} does nothing without --announce`);
}

function limitsOf(args: GatewayArguments): Partial<SessionLimits> {
  const { maxRequestsPerSecond: maxMessagesPerSecond, maxMessageBytes: maxTransferBytes } = args;
  const { maxSessions, maxInFlight, maxTotalInFlight, maxSubscriptions } = args;
  const { maxBufferedBytes, idleTimeoutMs } = args;
  const limits = {
    maxSessions,
    maxMessagesPerSecond,
    maxInFlight,
    maxTotalInFlight,
    maxSubscriptions,
    maxTransferBytes,
    maxBufferedBytes,
    idleTimeoutMs,
  };
  // What is not said must not hide the other bounds of --per-client.
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
