/**
 * Many clients of one server.
 *
 * @module
 */
import { Comparison } from "../comparison.ts";
import { measure } from "../processes.ts";
import { startFastRelay } from "../relays.ts";
import { cell, ratio, table } from "../statistics.ts";
import type { SessionFigures, Variant } from "../task.ts";
import { VARIANTS } from "../variants.ts";
import type { Group } from "../workbench.ts";

const { shared, native, sdk } = VARIANTS;
const ALL: readonly Variant[] = [shared, native, sdk];
const COUNTS = [1, 10, 100, 1_000];

/** The group `sessions`. */
export const sessions: Group = {
  name: "sessions",
  about:
    `What many clients cost their server: its CPU time for a call, 16 in flight, spread over all
of them; and its memory for each one that is idle, after a garbage collection: of few sessions, that
is mostly what the first ones bring with them. The clients are always ours. \`@contextvm/sdk\` has one MCP server for all clients, ours by default one for each:
then an MCP server is part of what is measured. Messages are encrypted.`,
  run: async (workbench) => {
    const seen = new Map<number, Comparison<SessionFigures>>();
    for (const count of COUNTS) {
      // A relay of its own: what others have left there would be delivered again.
      await using relay = await startFastRelay();
      const scenario = {
        name: "sessions",
        sessions: count,
        calls: workbench.size(400, 4_000),
      } as const;
      const comparison = await Comparison.run<SessionFigures>(workbench, {
        label: `sessions, ${count}`,
        variants: ALL,
        measure: (variant) => {
          const side = { variant, relays: [relay.url], mode: "encrypted", streams: false } as const;
          return measure({ ...side, scenario, timeoutMs: 300_000 }, workbench);
        },
      });
      seen.set(count, comparison);
    }
    return sessionTable(seen);
  },
};

function sessionTable(seen: ReadonlyMap<number, Comparison<SessionFigures>>): string {
  const first = seen.get(1);
  const rows = ALL.flatMap((variant) =>
    [...seen].map(([count, comparison]) => {
      const cpu = ({ serverCpuMs }: SessionFigures) => serverCpuMs;
      return [
        variant.name,
        comparison.error(variant),
        String(count),
        comparison.cell(variant, cpu),
        ratio(comparison.value(variant.name, cpu), first?.value(variant.name, cpu)),
        cell(comparison.value(variant.name, ({ heapBytes }) => heapBytes / 1_024)),
        cell(comparison.value(variant.name, ({ rssBytes }) => rssBytes / 1_024)),
      ];
    })
  );
  const head = [
    "implementation",
    "error",
    "sessions",
    "server CPU ms a call",
    "to that of 1",
    "heap KiB a session",
    "RSS KiB a session",
  ];
  return table(head, rows, { texts: 2 });
}
