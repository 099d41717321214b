/**
 * Listening for HTTP on this machine alone.
 *
 * @module
 */
import { CvmError } from "../../errors.ts";

/**
 * Listens on 127.0.0.1.
 *
 * @param port The port; 0 for any that is free.
 * @param signal Ends it.
 * @param handler Answers requests.
 * @throws {CvmError} CONFIG_INVALID when the port can't be had.
 */
export function listenLocally(
  port: number,
  signal: AbortSignal,
  handler: Deno.ServeHandler<Deno.NetAddr>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname: "127.0.0.1", port, signal, onListen: () => {} }, handler);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    const reason = error instanceof Deno.errors.AddrInUse
      ? "another program uses the port"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new CvmError(
      "CONFIG_INVALID",
      `The HTTP endpoint can't listen on 127.0.0.1:${port}: ${reason}. Choose another port, or 0 for any that is free`,
      { cause: error },
    );
  }
}
