/**
 * Tells of relays on which a server may not write.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { RelayStatus } from "../relay/status.ts";

const logger = getLogger(["cvm", "transport"]);

/**
 * Logs which relays refuse the messages of a server, and which of them take some again, until the
 * stream of their states ends.
 *
 * @param statuses The states of the server's relays.
 */
export async function tellRefusals(statuses: AsyncIterable<RelayStatus>): Promise<void> {
  const refusing = new Set<string>();
  for await (const { url, refusal } of statuses) {
    if (refusal === undefined) {
      if (refusing.delete(url)) logger.info("relay {url} takes messages of this server", { url });
    } else if (!refusing.has(url)) {
      refusing.add(url);
      logger.warning(
        "relay {url} takes no message of this server, so nobody can be answered through it: {refusal}",
        { url, refusal },
      );
    }
  }
}
