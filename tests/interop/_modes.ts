/**
 * Which pairs of modes can work, and what becomes of those that can't.
 *
 * @module
 */
import type { EncryptionMode, GiftWrapMode } from "../../transport/session/modes.ts";

/** The two modes of one side. */
export interface PeerModes {
  readonly encryption: EncryptionMode;
  readonly giftWrap: GiftWrapMode;
}

/** Every pair of modes that one side can have. */
export const ALL_MODES: readonly PeerModes[] = (["optional", "required", "disabled"] as const)
  .flatMap((encryption) =>
    (["optional", "ephemeral", "persistent"] as const).map((giftWrap) => ({ encryption, giftWrap }))
  );

/** The modes that people use: the defaults, plain text, and each gift wrap alone. */
export const USUAL_MODES: readonly PeerModes[] = [
  { encryption: "optional", giftWrap: "optional" },
  { encryption: "disabled", giftWrap: "optional" },
  { encryption: "required", giftWrap: "ephemeral" },
  { encryption: "required", giftWrap: "persistent" },
];

/** Modes in few words, for messages. */
export function describe({ encryption, giftWrap }: PeerModes): string {
  return `${encryption}/${giftWrap}`;
}

/**
 * What is to happen: all works, the server never answers, the client knows beforehand that it can't work, or it can't
 * send what it is to send.
 */
export type Verdict = "works" | "silence" | "mismatch" | "unsendable";

/** The gift wraps that a side understands. */
function wraps({ encryption, giftWrap }: PeerModes): readonly number[] {
  if (encryption === "disabled") return [];
  if (giftWrap === "ephemeral") return [21059];
  if (giftWrap === "persistent") return [1059];
  return [21059, 1059];
}

/**
 * What our client gets from a server.
 *
 * - A client that does not encrypt reaches every server that does not insist on it.
 * - One that does reaches every server with which it has a gift wrap in common, also when only the
 *   second one that it tries is the right one (faults F27).
 * - What a server has announced decides at once: an `optional` client speaks plain text to a server
 *   that can't decrypt, and one whose modes rule the server out says so without sending anything.
 *   Only that a server takes no persistent wraps is not announced; silence has to tell.
 */
export function verdictOfOurClient(
  client: PeerModes,
  server: PeerModes,
  announced: boolean,
): Verdict {
  if (client.encryption === "disabled") {
    return server.encryption === "required" ? "silence" : "works";
  }
  if (announced && server.encryption === "disabled") {
    return client.encryption === "optional" ? "works" : "mismatch";
  }
  if (wraps(client).some((kind) => wraps(server).includes(kind))) return "works";
  const foreseen = announced && client.giftWrap === "ephemeral" && server.encryption !== "disabled";
  return foreseen ? "mismatch" : "silence";
}

/**
 * What the client of `@contextvm/sdk` gets from our server. It encrypts unless that is disabled,
 * begins with a persistent wrap unless it is told otherwise, reads no announcement, and tries
 * nothing else.
 */
export function verdictOfTheirClient(client: PeerModes, server: PeerModes): Verdict {
  if (client.encryption === "disabled") {
    return server.encryption === "required" ? "silence" : "works";
  }
  const first = client.giftWrap === "ephemeral" ? 21059 : 1059;
  return wraps(server).includes(first) ? "works" : "silence";
}
