/**
 * Calls there and back, one after the other and many at once.
 *
 * @module
 */
import { Comparison } from "../comparison.ts";
import { measure } from "../processes.ts";
import { benchRelays } from "../relays.ts";
import { table } from "../statistics.ts";
import type { CallFigures, LoadFigures, Mode, Variant } from "../task.ts";
import { VARIANTS } from "../variants.ts";
import type { Group } from "../workbench.ts";

const { pure, wasm, native, builtin, sdk, pureNode, wasmNode, sdkNode } = VARIANTS;
const ALL: readonly Variant[] = [pure, wasm, native, builtin, sdk, pureNode, wasmNode, sdkNode];
const MODES: readonly Mode[] = ["plain", "encrypted"];
const IN_FLIGHT = [1, 16, 64, 256];

/** The group `calls`. */
export const calls: Group = {
  name: "calls",
  about: `A tool call there and back: sequential latency, and calls a second with ${
    IN_FLIGHT.join(", ")
  } in flight. CPU time is that of each side's process for one call, the MCP SDK included. In
brackets: how many times that of \`@contextvm/sdk\` on the same runtime.`,
  run: async (workbench) => {
    const scenario = {
      name: "calls",
      sequential: workbench.size(20, 200),
      inFlight: IN_FLIGHT,
      ms: workbench.size(300, 2_000),
    } as const;
    const parts: string[] = [];
    for (const { name, start } of benchRelays(workbench)) {
      await using relay = await start();
      for (const mode of MODES) {
        const seen = await Comparison.run<CallFigures>(workbench, {
          label: `calls, ${name}, ${mode}`,
          variants: ALL,
          measure: (variant) => {
            const side = { variant, relays: [relay.url], mode, streams: false };
            return measure({ ...side, scenario, timeoutMs: 120_000 }, workbench);
          },
        });
        parts.push(`### ${name}, ${mode}`, latencyTable(seen), loadTable(seen));
      }
    }
    return parts.join("\n\n");
  },
};

function latencyTable(seen: Comparison<CallFigures>): string {
  const rows = seen.variants.map((variant) => [
    variant.name,
    seen.error(variant),
    seen.cell(variant, ({ p50 }) => p50),
    seen.cell(variant, ({ p99 }) => p99),
  ]);
  return table(["sequential", "error", "p50 ms", "p99 ms"], rows, { texts: 2 });
}

function loadTable(seen: Comparison<CallFigures>): string {
  const rows = seen.variants.flatMap((variant) =>
    IN_FLIGHT.map((width) => {
      const of = (figure: (load: LoadFigures | undefined) => number | undefined) =>
        seen.cell(variant, ({ loads }) => figure(loads.find(({ inFlight }) => inFlight === width)));
      return [
        variant.name,
        String(width),
        of((load) => load?.callsPerSecond),
        of((load) => load?.clientCpuMs),
        of((load) => load?.serverCpuMs),
      ];
    })
  );
  const head = ["implementation", "in flight", "calls/s", "client CPU ms", "server CPU ms"];
  return table(head, rows, { texts: 1 });
}
