/**
 * Streams beside calls.
 *
 * @module
 */
import { Comparison } from "../comparison.ts";
import { measure } from "../processes.ts";
import { benchRelays } from "../relays.ts";
import { table } from "../statistics.ts";
import type { Mode, StreamFigures, Variant } from "../task.ts";
import { VARIANTS } from "../variants.ts";
import type { Group } from "../workbench.ts";

const { pure, wasm, native, sdk, wasmNode, sdkNode } = VARIANTS;
const ALL: readonly Variant[] = [pure, wasm, native, sdk, wasmNode, sdkNode];
const MODES: readonly Mode[] = ["plain", "encrypted"];

/** The group `streams`. */
export const streams: Group = {
  name: "streams",
  about: `A stream beside a call (CEP-41), in chunks of 1 KB, each waited for by who writes it. CPU
time is that of one chunk. In brackets: how many times that of \`@contextvm/sdk\` on the
same runtime.`,
  run: async (workbench) => {
    const timeoutMs = workbench.size(30_000, 120_000);
    const scenario = { name: "streams", chunks: workbench.size(100, 300), timeoutMs } as const;
    const parts: string[] = [];
    for (const { name, start } of benchRelays(workbench)) {
      for (const mode of MODES) {
        await using relay = await start();
        const seen = await Comparison.run<StreamFigures>(workbench, {
          label: `streams, ${name}, ${mode}`,
          variants: ALL,
          measure: (variant) => {
            const side = { variant, relays: [relay.url], mode, streams: true };
            return measure({ ...side, scenario, timeoutMs: timeoutMs + 30_000 }, workbench);
          },
        });
        parts.push(`### ${name}, ${mode}`, streamTable(seen));
      }
    }
    return parts.join("\n\n");
  },
};

function streamTable(seen: Comparison<StreamFigures>): string {
  const rows = seen.variants.map((variant) => [
    variant.name,
    seen.error(variant, ({ error }) => error),
    seen.cell(variant, ({ chunksPerSecond }) => chunksPerSecond),
    seen.cell(variant, ({ clientCpuMs }) => clientCpuMs),
    seen.cell(variant, ({ serverCpuMs }) => serverCpuMs),
  ]);
  const head = ["implementation", "error", "chunks/s", "client CPU ms", "server CPU ms"];
  return table(head, rows, { texts: 2 });
}
