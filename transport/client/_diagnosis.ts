/**
 * Why a server may not be answering, in words that help.
 *
 * @module
 */
import type { Announcement } from "../discovery/announcement.ts";
import type { RelayStatus } from "../relay/status.ts";
import type { Modes } from "../session/modes.ts";

/** What is known when a server stays silent. */
export interface Silence {
  /** The method of the request without an answer. */
  readonly method: string;
  /** How long was waited, in milliseconds. */
  readonly timeoutMs: number;
  /** Our modes. */
  readonly modes: Modes;
  /** The server's announcement, if any. */
  readonly announcement: Announcement | undefined;
  /** The state of the relays in use. */
  readonly relays: readonly RelayStatus[];
}

/** Says what was tried and what the likely reasons are. */
export function diagnoseSilence(silence: Silence): string {
  const { method, timeoutMs, relays } = silence;
  const open = relays.filter(({ state }) => state === "open").map(({ url }) => url);
  const where = open.length > 0 ? `on ${open.join(", ")}` : "and no relay is connected any more";
  const reasons = [...modeReasons(silence), ...serverReasons(silence)];
  return `the server did not answer ${method} within ${timeoutMs} ms ${where}. ` +
    `Possible reasons: ${reasons.join("; ")}`;
}

function modeReasons({ modes, announcement }: Silence): readonly string[] {
  if (modes.encryption === "disabled") {
    return [
      announcement?.supportsEncryption
        ? "it may require encryption, which it announces and this client has disabled (encryption: disabled)"
        : "it may require encryption, which this client has disabled (encryption: disabled)",
    ];
  }
  const reasons = announcement === undefined
    ? [
      `it may not accept encrypted messages, which this client sends (encryption: ${modes.encryption})`,
    ]
    : [];
  if (modes.giftWrap === "ephemeral" && !announcement?.supportsEphemeral) {
    reasons.push(
      "it may not accept ephemeral gift wraps, and this client sends no others (giftWrap: ephemeral)",
    );
  }
  if (modes.giftWrap === "persistent") {
    reasons.push(
      "it may not accept persistent gift wraps, and this client sends no others (giftWrap: persistent)",
    );
  }
  return reasons;
}

function serverReasons({ announcement }: Silence): readonly string[] {
  return [
    announcement === undefined
      ? "it may be offline, or listen on other relays"
      : `it may be offline: its announcement is from ${formatTime(announcement.event.created_at)}`,
    "it may not let this client in",
  ];
}

/** A time in seconds since the epoch, for people; whoever wrote the event may have put any number there. */
function formatTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : date.toISOString();
}
