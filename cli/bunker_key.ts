/**
 * A key in a bunker (NIP-46): `cvm` keeps the key by which the bunker knows it.
 *
 * @module
 */
import { join } from "node:path";
import { parseBunkerAddress } from "../transport/signer/bunker_address.ts";
import { BunkerSigner } from "../transport/signer/bunker_signer.ts";
import { fetchRelayInfo } from "../transport/relay/nip11.ts";
import type { CliIo } from "./io.ts";
import { loadOrCreateKey } from "./key_store.ts";
import { configFolder } from "./paths.ts";
import { sanitizeLine } from "./sanitize.ts";
import { openWebSocket } from "./websocket.ts";

/** How a bunker is connected to. */
export interface BunkerOptions {
  /** Where its owner is told what to do; ends the connection with the command. */
  readonly io: CliIo;
  /** How long to wait for a relay, in milliseconds. */
  readonly connectTimeoutMs?: number;
}

/**
 * Connects to a bunker until the command ends.
 *
 * @param address `bunker://…`
 * @throws {CvmError} As {@linkcode BunkerSigner.connect} does.
 */
export async function openBunker(address: string, options: BunkerOptions): Promise<BunkerSigner> {
  const { io, connectTimeoutMs } = options;
  const bunker = parseBunkerAddress(address);
  const name = `bunker-${bunker.pubkey.slice(0, 16)}.key`;
  const file = join(configFolder(io.env), "keys", name);
  const client = await loadOrCreateKey({ file, defaultFile: () => file, io });
  const signer = await BunkerSigner.connect(bunker, {
    clientSigner: client.signer,
    isKnown: !client.created,
    pool: { webSocket: openWebSocket, fetchRelayInfo, connectTimeoutMs },
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
