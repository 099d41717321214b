/**
 * Where public events are looked for.
 *
 * @module
 */
import { DEFAULT_DISCOVERY_RELAYS } from "../transport/discovery/relay_list.ts";
import { loadConfig } from "./config.ts";
import { DEFAULT_RELAYS } from "./default_relays.ts";
import type { CliIo } from "./io.ts";
import type { NetworkArguments } from "./options.ts";

/**
 * The relays on which public events are looked for: those of the command line,
 * else some of the server's own and those that the configuration or nobody names.
 *
 * @param args What the command line says.
 * @param near Relays that are known to have to do with the server.
 * @param io The environment.
 */
export async function lookupRelays(
  args: NetworkArguments,
  near: readonly string[],
  io: CliIo,
): Promise<readonly string[]> {
  if (args.relay.length > 0) return [...new Set([...args.relay, ...near])];
  const { relays } = await loadConfig(io);
  return [...new Set([...near, ...relays ?? [...DEFAULT_RELAYS, ...DEFAULT_DISCOVERY_RELAYS]])];
}
