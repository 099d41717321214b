/**
 * What to do about an error.
 *
 * @module
 */
import { CvmError, type ErrorCode } from "../../../errors.ts";
import { EXIT, exitCodeOf, isRpcError } from "../../exit_codes.ts";

const SILENT =
  "see that the gateway or server runs, that it listens on one of these relays, and that it lets this key in";

const BY_CODE: Readonly<Partial<Record<ErrorCode, string>>> = {
  KEY_INVALID: "name another file with --key-file, or make a key: cvm keys generate",
  SERVER_INVALID: "check the address: hex, npub, nprofile, naddr, name@domain or an alias",
  NOT_FOUND: "check the name, or use the server's npub or nprofile",
  CONFIG_INVALID: "correct the configuration file",
  RELAY_URL_INVALID: "a relay's URL begins with wss:// or ws://",
  RELAY_UNREACHABLE: "check the network and the URLs, or name another relay with --relay",
  PUBLISH_REFUSED: "the relay's words say why; name another relay with --relay",
  PUBLISH_TIMEOUT: "the relay is slow or silent; name another one with --relay",
  SUBSCRIPTION_REFUSED: "the relay's words say why; name another relay with --relay",
  SERVER_NOT_ANSWERING: SILENT,
  ENCRYPTION_MISMATCH: "change --encryption or --gift-wrap as the message says",
  UPSTREAM_FAILED: "run the command by hand, or open the URL, and see what it says",
};

/** What to do about what a step has failed with; nothing where there is no advice to give. */
export function adviceFor(error: unknown): string | undefined {
  const code = exitCodeOf(error);
  if (error instanceof CvmError) return BY_CODE[error.code];
  if (!isRpcError(error)) return undefined;
  if (code === EXIT.denied) {
    return "ask the server's operator to let this key in, or pay what it asks for";
  }
  return code === EXIT.unreachable ? SILENT : "the server itself refuses; its words say why";
}
