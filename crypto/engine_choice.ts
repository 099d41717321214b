/**
 * Which engine works beside a signer, and what it is called.
 *
 * @module
 */
import type { CryptoEngine } from "./engine.ts";
import { pureEngine } from "./pure_engine.ts";
import type { Signer } from "./signer.ts";

/** A key, and the engine that somebody may have named beside it. */
export interface SignerAndEngine {
  /** The key. */
  readonly signer: Signer;
  /** What works beside it. Default: the signer's own, else the pure one. */
  readonly engine?: CryptoEngine;
}

/** The engine that works beside a signer: the named one, else the signer's, else the pure one. */
export function engineBeside({ signer, engine }: SignerAndEngine): CryptoEngine {
  return engine ?? signer.engine ?? pureEngine;
}

/** Its name, and that of the signer's engine where that is another one: `"wasm"`, `"wasm (signer: pure)"`. */
export function engineNames(options: SignerAndEngine): string {
  const { name } = engineBeside(options);
  const { name: ofSigner = name } = options.signer.engine ?? {};
  return ofSigner === name ? name : `${name} (signer: ${ofSigner})`;
}
