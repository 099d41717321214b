/**
 * From the start of a program to its first answer.
 *
 * @module
 */
import { openWebSocket } from "../../../cli/websocket.ts";
import { formatNprofile, formatNpub, PrivateKeySigner } from "../../../crypto/mod.ts";
import { serve } from "../../../transport/server.ts";
import { Comparison } from "../comparison.ts";
import { makeServer } from "../mcp_server.ts";
import { LineProcess } from "../processes.ts";
import { startFastRelay } from "../relays.ts";
import { median, table } from "../statistics.ts";
import type { Variant } from "../task.ts";
import { VARIANTS } from "../variants.ts";
import type { Command, Group, Workbench } from "../workbench.ts";

const MAIN = new URL("../../../cli/main.ts", import.meta.url);
const OURS = new URL("../first_ours.ts", import.meta.url);
const SDK = new URL("../first_sdk.ts", import.meta.url);

const { pure, sdk, pureNode, sdkNode } = VARIANTS;
const CVM: Variant = { ...pure, name: "cvm call" };
const BINARY: Variant = { ...pure, name: "cvm call, executable" };
const TIMEOUT_MS = 60_000;

/** The server of this group. */
interface Place {
  readonly relay: string;
  readonly publicKey: string;
}

/** The group `start`. */
export const start: Group = {
  name: "start",
  about:
    `From the start of a process to the result of its first tool call, in milliseconds. A server
is known by an nprofile, which names its relay, or by an npub, whose relay list is looked up on a
relay that is named. Nothing is stored from earlier runs. \`cvm call\` does no MCP handshake; the
executable is measured where \`deno task compile\` has made it. In brackets: how many times that of
\`@contextvm/sdk\` on the same runtime.`,
  run: async (workbench) => {
    await using relay = await startFastRelay();
    const signer = PrivateKeySigner.generate();
    const open = () => {
      throw new Error("nothing streams here");
    };
    await using server = await serve(() => makeServer(open), {
      signer,
      relays: [relay.url],
      pool: { webSocket: openWebSocket },
      announce: true,
    });
    const place = { relay: relay.url, publicKey: server.publicKey };
    const head = ["server", "program", "error", "first result ms"];
    const rows: string[][] = [];
    for (const isKnown of [true, false]) {
      const seen = await measureStarts({ ...place, isKnown }, workbench);
      for (const variant of seen.variants) {
        const label = isKnown ? "nprofile" : "npub";
        rows.push([label, variant.name, seen.error(variant), seen.cell(variant, (ms) => ms)]);
      }
    }
    return table(head, rows, { texts: 3 });
  },
};

async function measureStarts(
  { isKnown, ...place }: Place & { readonly isKnown: boolean },
  workbench: Workbench,
): Promise<Comparison<number>> {
  const executable = await findExecutable();
  return await Comparison.run<number>(workbench, {
    label: `start, ${isKnown ? "known" : "unknown"} server`,
    variants: [CVM, ...(executable === undefined ? [] : [BINARY]), pure, sdk, pureNode, sdkNode],
    measure: async (variant) => {
      const times: number[] = [];
      // The first one fills caches.
      for (let i = 0; i <= workbench.size(1, 5); i++) {
        const command = await commandOf(variant, { ...place, isKnown, executable }, workbench);
        const started = performance.now();
        await using process = new LineProcess(command);
        await process.firstLine(TIMEOUT_MS);
        times.push(performance.now() - started);
      }
      return median(times.slice(1));
    },
  });
}

async function commandOf(
  variant: Variant,
  { relay, publicKey, isKnown, executable }: Place & {
    readonly isKnown: boolean;
    readonly executable?: string;
  },
  workbench: Workbench,
): Promise<Command> {
  const address = isKnown ? formatNprofile(publicKey, [relay]) : formatNpub(publicKey);
  if (variant === CVM || variant === BINARY) {
    const args = ["call", address, "echo", "text=hi", "--format", "jsonl"];
    const env = { CVM_RELAYS: relay, CVM_PRIVATE_KEY: "1".repeat(64) };
    if (executable !== undefined && variant === BINARY) return { program: executable, args, env };
    return { ...await workbench.commandFor("deno", MAIN, ...args), env };
  }
  const lookup = isKnown ? [] : [relay];
  const module = variant.library === "ours" ? OURS : SDK;
  return await workbench.commandFor(variant.runtime, module, address, ...lookup);
}

async function findExecutable(): Promise<string | undefined> {
  const path = new URL("../../../dist/cvm", import.meta.url).pathname;
  try {
    await Deno.stat(path);
    return path;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
