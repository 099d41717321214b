/**
 * Large answers.
 *
 * @module
 */
import { Comparison } from "../comparison.ts";
import { measure } from "../processes.ts";
import { benchRelays } from "../relays.ts";
import { table } from "../statistics.ts";
import type { AnswerFigures, Mode, Side, Variant } from "../task.ts";
import { VARIANTS } from "../variants.ts";
import type { Group } from "../workbench.ts";

const { pure, wasm, native, sdk, wasmNode, sdkNode } = VARIANTS;
const ALL: readonly Variant[] = [pure, wasm, native, sdk, wasmNode, sdkNode];
const MODES: readonly Mode[] = ["plain", "encrypted"];
const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];

/** The group `answers`. */
export const answers: Group = {
  name: "answers",
  about: `The time from a call to its whole answer, and the CPU time of each side's process. Answers
that do not fit an event come in parts (CEP-22). After an answer that fails, larger ones are not
asked for. In brackets: how many times that of \`@contextvm/sdk\` on the
same runtime; on Deno, its WebSocket holds each part back (docs/DENO_WEBSOCKET_STALL.md).`,
  run: async (workbench) => {
    const timeoutMs = workbench.size(15_000, 60_000);
    const parts: string[] = [];
    for (const { name, start } of benchRelays(workbench)) {
      for (const mode of MODES) {
        await using relay = await start();
        const failing = new Map<string, number>();
        const seen = await Comparison.run<AnswerFigures[]>(workbench, {
          label: `answers, ${name}, ${mode}`,
          variants: ALL,
          measure: async (variant) => {
            // What failed once takes as long to fail again.
            const sizes = SIZES.filter((bytes) => bytes < (failing.get(variant.name) ?? Infinity));
            const figures = await measureSizes(sizes, { variant, relays: [relay.url], mode });
            const failed = figures.find(({ error }) => error !== undefined);
            if (failed !== undefined) failing.set(variant.name, failed.bytes);
            return figures;
          },
        });
        parts.push(`### ${name}, ${mode}`, sizeTable(seen));
      }
    }
    return parts.join("\n\n");

    function measureSizes(sizes: readonly number[], side: Omit<Side, "streams">) {
      // Large ones are long enough to be timed alone.
      const answers = sizes.map((bytes) => ({
        bytes,
        repeats: bytes < 1_000_000 ? workbench.size(1, 3) : 1,
      }));
      return measure<AnswerFigures[]>({
        ...side,
        streams: false,
        scenario: { name: "answers", answers, timeoutMs },
        timeoutMs: timeoutMs * 8,
      }, workbench);
    }
  },
};

function sizeTable(seen: Comparison<AnswerFigures[]>): string {
  const rows = SIZES.flatMap((size) =>
    seen.variants.map((variant) => {
      const at = (figures: AnswerFigures[]) => figures.find(({ bytes }) => bytes === size);
      return [
        `${size / 1_000} KB`,
        variant.name,
        seen.error(variant, (figures) => at(figures)?.error),
        seen.cell(variant, (figures) => at(figures)?.ms),
        seen.cell(variant, (figures) => at(figures)?.clientCpuMs),
        seen.cell(variant, (figures) => at(figures)?.serverCpuMs),
      ];
    })
  );
  const head = ["answer", "implementation", "error", "ms", "client CPU ms", "server CPU ms"];
  return table(head, rows, { texts: 3 });
}
