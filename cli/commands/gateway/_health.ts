/**
 * Whether a gateway can do its work.
 *
 * @module
 */
import { CvmError, type RelayFailure } from "../../../errors.ts";
import type { Readiness } from "../../http/serve_health.ts";
import type { GatewayUnit } from "./_unit.ts";
import { refusalsOf } from "./_write_probe.ts";

/** How long a relay may take to be found ready, in milliseconds. */
const LOOK_MS = 250;

/**
 * Ready is a gateway that has a server, and each of whose servers works and
 * listens on a relay at least that takes its answers. One that was given up is told of and does not
 * count, so that it does not take the others with it. Of several under one key
 * the same holds for each; where each client has its own, they are only told of.
 */
export async function readinessOf(units: readonly GatewayUnit[]): Promise<Readiness> {
  const servers = await Promise.all(units.map(async (unit) => ({
    server: unit.plan.label,
    state: unit.status.state,
    relays: await hasRelay(unit),
    ...refused(unit), // after the relays were asked
    engine: unit.status.engine,
    ...(unit.members === undefined ? {} : { servers: unit.members }),
  })));
  const counted = units.flatMap((unit, index) => {
    const { state, relays } = servers[index]!;
    const members = unit.plan.perClient ? [] : unit.members ?? [];
    return [{ state, relays }, ...members.map(({ state }) => ({ state, relays }))];
  }).filter(({ state }) => state !== "failed");
  const ready = counted.length > 0 &&
    counted.every(({ state, relays }) => state === "up" && relays);
  return { ready, details: { servers } };
}

/** What relays said that take no answers; nothing where there is none. */
function refused({ pool }: GatewayUnit): { readonly refusals?: readonly RelayFailure[] } {
  const refusals = pool === undefined ? [] : refusalsOf(pool);
  return refusals.length === 0 ? {} : { refusals };
}

async function hasRelay(unit: GatewayUnit): Promise<boolean> {
  try {
    await unit.pool?.ready({ timeoutMs: LOOK_MS });
    return await unit.canAnswer();
  } catch (error) {
    if (error instanceof CvmError) return false;
    throw error;
  }
}
