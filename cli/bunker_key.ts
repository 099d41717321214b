/**
 * A key in a bunker (NIP-46): `cvm` keeps the key by which the bunker knows it.
 *
 * @module
 */
import { join } from "node:path";
import { parseBunkerAddress } from "../transport/signer/bunker_address.ts";
import { BunkerSigner } from "../transport/signer/bunker_signer.ts";
import { fetchRelayInfo } from "../transport/relay/nip11.ts";
import { InputError } from "../errors.ts";
import type { CliIo, Environment } from "./io.ts";
import { loadOrCreateKey } from "./key_store.ts";
import { parseTime } from "./options.ts";
import { configFolder } from "./paths.ts";
import { sanitizeLine } from "./sanitize.ts";
import { openWebSocket } from "./websocket.ts";

/** The variable that says how long a bunker may take, for commands without an option for that. */
const TIMEOUT_VARIABLE = "CVM_BUNKER_TIMEOUT";

/** The longest time that it may say: a day, as for options. */
const MAX_TIMEOUT_MS = 86_400_000;

/** How a bunker is connected to. */
export interface BunkerOptions {
  /** Where its owner is told what to do; ends the connection with the command. */
  readonly io: CliIo;
  /** How long to wait for a relay, in milliseconds. */
  readonly connectTimeoutMs?: number;
  /** How long to wait for an answer of the bunker, in milliseconds. Default: as the environment says, else a minute. */
  readonly bunkerTimeoutMs?: number;
}

/**
 * Connects to a bunker until the command ends.
 *
 * @param address `bunker://…`
 * @throws {InputError} CONFIG_INVALID when the environment says no time.
 * @throws {CvmError} As {@linkcode BunkerSigner.connect} does.
 */
export async function openBunker(address: string, options: BunkerOptions): Promise<BunkerSigner> {
  const { io, connectTimeoutMs, bunkerTimeoutMs = timeoutOf(io.env) } = options;
  const bunker = parseBunkerAddress(address);
  const name = `bunker-${bunker.pubkey.slice(0, 16)}.key`;
  const file = join(configFolder(io.env), "keys", name);
  const client = await loadOrCreateKey({ file, defaultFile: () => file, io });
  const signer = await BunkerSigner.connect(bunker, {
    clientSigner: client.signer,
    isKnown: !client.created,
    pool: { webSocket: openWebSocket, fetchRelayInfo, connectTimeoutMs },
    timeoutMs: bunkerTimeoutMs,
    signal: io.signal,
    onAuthUrl: (url) => {
      const text = `cvm: the bunker asks you to decide at ${sanitizeLine(url, 2_000)}\n`;
      // Nothing is left to tell a failure to when standard error is gone.
      io.stderr.write(text).catch(() => undefined);
    },
  });
  io.onEnd?.(() => signer.close());
  return signer;
}

function timeoutOf(env: Environment): number | undefined {
  const text = env.get(TIMEOUT_VARIABLE) ?? "";
  if (text === "") return undefined;
  const time = parseTime(text);
  if (time !== undefined && time >= 1 && time <= MAX_TIMEOUT_MS) return time;
  const what = `${TIMEOUT_VARIABLE} is a time from 0.001 to 86400 seconds, such as 90, 90s or 15m`;
  throw new InputError("CONFIG_INVALID", what);
}
