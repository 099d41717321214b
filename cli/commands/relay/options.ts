/**
 * The options of `cvm relay`, by what they are about. Cheap to load: help needs it.
 *
 * @module
 */
import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import { option } from "@optique/core/primitives";
import { choice, integer, string } from "@optique/core/valueparser";
import { seconds } from "../../options.ts";

/** Where a relay is. */
export interface PlaceArguments {
  /** The TCP port. */
  readonly port: number;
  /** The address to listen on. */
  readonly hostname: string;
  /** The URL that clients know it by. */
  readonly publicUrl?: string;
  /** The SQLite file that keeps events. */
  readonly db?: string;
}

/** Who may do what at a relay. */
export interface RelayAccessArguments {
  /** Who has to authenticate. */
  readonly auth: "none" | "all" | "gift-wraps";
  /** Who may write; everyone when empty and without a file. */
  readonly allow: readonly string[];
  /** A file of those who may. */
  readonly allowFile?: string;
}

/** What a relay says about itself. */
export interface RelayInformationArguments {
  /** Its name. */
  readonly name?: string;
  /** What it is for. */
  readonly description?: string;
  /** How to reach its operator. */
  readonly contact?: string;
  /** Its operator's key. */
  readonly pubkey?: string;
}

/** How much a relay takes. */
export interface RelayLimitArguments {
  /** The longest message, bytes. */
  readonly maxMessageBytes?: number;
  /** The longest event, bytes. */
  readonly maxEventBytes?: number;
  /** Connections at the same time. */
  readonly maxConnections?: number;
  /** Subscriptions of one connection. */
  readonly maxSubscriptions?: number;
  /** Filters of one subscription. */
  readonly maxFilters?: number;
  /** Stored events for one filter. */
  readonly maxLimit?: number;
  /** Events from one connection each second. */
  readonly maxEventsPerSecond?: number;
  /** Events that are kept. */
  readonly maxEvents?: number;
  /** How old events may be, in milliseconds. */
  readonly maxAgeMs?: number;
  /** How old ephemeral events may be, in milliseconds. */
  readonly maxEphemeralAgeMs?: number;
  /** Bytes that may wait for one client. */
  readonly maxBufferedBytes?: number;
  /** How long a client may be silent before it is pinged, in milliseconds. */
  readonly idleTimeoutMs?: number;
}

/** The options of {@linkcode PlaceArguments}. */
export function placeOptions() {
  return object("Relay", {
    port: withDefault(
      option("--port", integer({ metavar: "PORT", min: 0, max: 65_535 }), {
        description: message`The TCP port; 0 for any that is free.`,
      }),
      7447,
    ),
    hostname: withDefault(
      option("--hostname", string({ metavar: "HOST" }), {
        description: message`The address to listen on.`,
      }),
      "127.0.0.1",
    ),
    publicUrl: optional(option("--public-url", string({ metavar: "URL" }), {
      description:
        message`The ws:// or wss:// URL that clients know the relay by, where a proxy stands in front. Needed for authentication on 0.0.0.0.`,
    })),
    db: optional(option("--db", string({ metavar: "FILE" }), {
      description: message`The SQLite file that keeps events. Without it they are kept in memory.`,
    })),
  });
}

/** The options of {@linkcode RelayAccessArguments}. */
export function relayAccessOptions() {
  return object("Access", {
    auth: withDefault(
      option("--auth", choice(["none", "all", "gift-wraps"], { metavar: "WHO" }), {
        description:
          message`Who has to authenticate (NIP-42): none, all, or gift-wraps (who reads kind 1059, and gets only what is addressed to or written by its own key).`,
      }),
      "none",
    ),
    allow: multiple(option("--allow", string({ metavar: "NPUB" }), {
      description:
        message`A key that may write; nobody else may then. It goes by an event's author, or by who has authenticated, since gift wraps have authors of their own. May be given several times.`,
    })),
    allowFile: optional(option("--allow-file", string({ metavar: "FILE" }), {
      description:
        message`A file of keys that may, one a line. Read again when it changes and on SIGHUP; a broken file changes nothing.`,
    })),
  });
}

/** The options of {@linkcode RelayInformationArguments}. */
export function relayInformationOptions() {
  return object("Information (NIP-11)", {
    name: optional(option("--name", string({ metavar: "TEXT" }), {
      description: message`The relay's name.`,
    })),
    description: optional(option("--description", string({ metavar: "TEXT" }), {
      description: message`What it is for.`,
    })),
    contact: optional(option("--contact", string({ metavar: "URI" }), {
      description: message`How to reach its operator, such as mailto:me@example.com.`,
    })),
    pubkey: optional(option("--pubkey", string({ metavar: "NPUB" }), {
      description: message`Its operator's public key.`,
    })),
  });
}

/** The options of {@linkcode RelayLimitArguments}. */
export function relayLimitOptions() {
  return object("Limits", {
    maxMessageBytes: optional(option("--max-message-bytes", atLeast(1_024), {
      description: message`The longest message; a longer one ends the connection. Default: 131072.`,
    })),
    maxEventBytes: optional(option("--max-event-bytes", atLeast(1_024), {
      description:
        message`The longest event. Default: 65536, or what a message can hold where that is less.`,
    })),
    maxConnections: optional(option("--max-connections", atLeast(1), {
      description: message`Connections at the same time. Default: 1000.`,
    })),
    maxSubscriptions: optional(option("--max-subscriptions", atLeast(1), {
      description: message`Subscriptions of one connection. Default: 200.`,
    })),
    maxFilters: optional(option("--max-filters", atLeast(1), {
      description: message`Filters of one subscription. Default: 20.`,
    })),
    maxLimit: optional(option("--max-limit", atLeast(1), {
      description: message`Stored events for one filter. Default: 500.`,
    })),
    maxEventsPerSecond: optional(option("--max-events-per-second", atLeast(1), {
      description:
        message`Events from one connection each second; as many again may come in a burst. Default: no bound.`,
    })),
    maxEvents: optional(option("--max-events", atLeast(1), {
      description:
        message`Events that are kept; the oldest go first. Default: 1000000 in a file, 100000 in memory.`,
    })),
    maxAgeMs: optional(option("--max-age", seconds(), {
      description: message`How old a new event may be. Default: any age.`,
    })),
    maxEphemeralAgeMs: optional(option("--max-ephemeral-age", seconds(), {
      description: message`How old an ephemeral event may be. Default: any age.`,
    })),
    maxBufferedBytes: optional(option("--max-buffered-bytes", atLeast(65_536), {
      description:
        message`Bytes that may wait for one client; a slower one is disconnected. Default: 8388608.`,
    })),
    idleTimeoutMs: optional(option("--idle-timeout", seconds(), {
      description:
        message`How long a client may be silent before it is pinged, and then disconnected. Default: 120.`,
    })),
  });
}

function atLeast(min: number) {
  return integer({ metavar: "NUMBER", min, max: 1_000_000_000 });
}
