/**
 * `cvm gateway`: puts MCP servers on Nostr until it is stopped.
 *
 * @module
 */
import type { KeySet } from "../../../transport/server.ts";
import type { AnnounceOptions } from "../../../transport/discovery/announcer.ts";
import { checkProfile } from "../../../transport/discovery/profile.ts";
import { AllowFile } from "../../allow_file.ts";
import { loadConfig } from "../../config.ts";
import { poolOptions } from "../../connection.ts";
import { DEFAULT_RELAYS } from "../../default_relays.ts";
import { UsageError } from "../../exit_codes.ts";
import { serveHealth } from "../../http/serve_health.ts";
import { type CliIo, Interrupt, untilAborted } from "../../io.ts";
import { readJsonFile } from "../../json_document.ts";
import { Output } from "../../output.ts";
import { readinessOf } from "./_health.ts";
import { Journal } from "./_journal.ts";
import { planGateways } from "./_plan.ts";
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
  const announce = await announceOptions(args);
  const plans = await planGateways(args, io, journal);
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
  await using allowFile = await openAllowFile(args, io, journal);
  const units: GatewayUnit[] = [];
  const metrics = args.health === undefined
    ? undefined
    : new (await import("./_metrics.ts")).GatewayMetrics(() => units);
  using kept = new DisposableStack();
  const telemetry = io.env.get("OTEL_DENO") === "true"
    ? (await import("./_telemetry.ts")).telemetry
    : undefined;
  for (const plan of plans) {
    const { allow, label, key } = plan;
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
          access: accessOf(allow, allowFile),
          limits: limitsOf(args),
          announce,
          commonSchemas: {
            tools: args.commonSchema.includes("all") ? "all" : args.commonSchema,
            categories: args.category,
          },
          injectClientPubkey: args.injectClientPubkey,
          oversizedTransfer: !args.noOversizedTransfer,
          openStream: !args.noOpenStream,
          restart: {
            maxDeaths: args.crashLimit === 0 ? Infinity : args.crashLimit,
            windowMs: args.crashWindowMs,
          },
          observer,
        },
        keepsTrying: plans.length > 1,
        isNamed: args.servers !== undefined,
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

async function announceOptions(args: GatewayArguments): Promise<AnnounceOptions> {
  const { relayList = true, announceRelay: bootstrapRelays } = args;
  if (args.profile === undefined) return { relayList, bootstrapRelays };
  const value = await readJsonFile(args.profile);
  const profile = Object.fromEntries([...value.fields()].map(([name, field]) => [
    name,
    field.plain(),
  ]));
  checkProfile(profile);
  return { relayList, bootstrapRelays, profile };
}

async function openAllowFile(
  { allowFile }: GatewayArguments,
  io: CliIo,
  journal: Journal,
): Promise<(AllowFile & AsyncDisposable) | undefined> {
  if (allowFile === undefined) return undefined;
  const file = await AllowFile.open(allowFile, {
    onChange: (size) => journal.say(`${allowFile} was read again: ${size} clients are let in`),
    onError: ({ message }) => journal.warn(`${message}; the list before it stays`),
  });
  const ignore = io.onHangup?.(() => void file.reload());
  io.signal.addEventListener("abort", () => ignore?.(), { once: true });
  if (file.size === 0) journal.warn(`${allowFile} is empty: nobody is let in`);
  return file;
}

function accessOf(
  allow: readonly string[] | undefined,
  file: AllowFile | undefined,
): { readonly allow?: KeySet } {
  if (allow === undefined && file === undefined) return {};
  const named = new Set(allow);
  return { allow: { has: (key) => named.has(key) || file?.has(key) === true } };
}

function limitsOf({ maxSessions, maxInFlight, maxRequestsPerSecond }: GatewayArguments) {
  return {
    ...(maxSessions === undefined ? {} : { maxSessions }),
    ...(maxInFlight === undefined ? {} : { maxInFlight }),
    ...(maxRequestsPerSecond === undefined ? {} : { maxMessagesPerSecond: maxRequestsPerSecond }),
  };
}
