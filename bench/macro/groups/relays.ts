/**
 * Several relays, one of which is slow or says nothing.
 *
 * @module
 */
import type { RunningRelay } from "../../../tests/relays/mod.ts";
import { Comparison } from "../comparison.ts";
import { measure } from "../processes.ts";
import { startFastRelay, startSilentRelay, startSlowRelay } from "../relays.ts";
import { table } from "../statistics.ts";
import type { RelayFigures, Variant } from "../task.ts";
import { VARIANTS } from "../variants.ts";
import type { Group, Workbench } from "../workbench.ts";

const { native, sdk } = VARIANTS;
const ALL: readonly Variant[] = [native, sdk];
/** How much later everything comes through the slow one, each way. */
const DELAY_MS = 200;

const CASES: readonly (readonly ("good" | "slow" | "silent")[])[] = [
  ["good"],
  ["slow"],
  ["good", "good"],
  ["good", "slow"],
  ["good", "silent"],
  ["good", "good", "good"],
  ["good", "good", "slow"],
  ["good", "good", "silent"],
  ["good", "slow", "silent"],
];

/** The group `relays`. */
export const relays: Group = {
  name: "relays",
  about: `Server and client on one, two or three relays: a slow one passes everything on ${DELAY_MS}
ms later, each way; a silent one takes connections and says nothing. The time until the client has
done its handshake, a sequential call, and until a notification counts as sent. Messages are plain.
In brackets: how many times that of \`@contextvm/sdk\`.`,
  run: async (workbench) => {
    const rows: string[][] = [];
    for (const kinds of CASES) {
      const seen = await measureCase(kinds, workbench);
      for (const variant of seen.variants) {
        rows.push([
          kinds.join(", "),
          variant.name,
          seen.error(variant),
          seen.cell(variant, ({ connectMs }) => connectMs),
          seen.cell(variant, ({ p50 }) => p50),
          seen.cell(variant, ({ publishMs }) => publishMs),
        ]);
      }
    }
    const head = ["relays", "implementation", "error", "connect ms", "call p50 ms", "publish ms"];
    return table(head, rows, { texts: 3 });
  },
};

async function measureCase(
  kinds: (typeof CASES)[number],
  workbench: Workbench,
): Promise<Comparison<RelayFigures>> {
  await using stack = new AsyncDisposableStack();
  const start = async (kind: (typeof kinds)[number]): Promise<RunningRelay> => {
    if (kind === "silent") return stack.use(startSilentRelay());
    const relay = stack.use(await startFastRelay());
    return kind === "good" ? relay : stack.use(startSlowRelay(relay, DELAY_MS));
  };
  const urls: string[] = [];
  for (const kind of kinds) urls.push((await start(kind)).url);
  const scenario = { name: "relays", calls: workbench.size(5, 20) } as const;
  return await Comparison.run<RelayFigures>(workbench, {
    label: `relays, ${kinds.join(", ")}`,
    variants: ALL,
    measure: (variant) => {
      const side = { variant, relays: urls, mode: "plain", streams: false } as const;
      return measure({ ...side, scenario, timeoutMs: 300_000 }, workbench);
    },
  });
}
