/**
 * What the parts of a relay connection see of each other.
 *
 * @module
 */
import type { AuthOutcome } from "./_auth.ts";
import type { RelaySettings } from "./_settings.ts";
import type { Filter } from "./filter.ts";

/** Where the answers to one REQ go. */
export interface RequestSink {
  /** An event: any value, and how long its frame was, characters. */
  onEvent(value: unknown, frameLength: number): void;
  /** The stored events are through. */
  onEose(): void;
  /** The relay ended the request; its id is forgotten already. */
  onClosed(reason: string): void;
}

/** Something that lives on a connection and outlasts its sockets. */
export interface LinkMember {
  /** The connection is open. */
  onOpen(): void;
  /** The connection ended, or an attempt to open it failed. */
  onDrop(reason: string): void;
  /** The relay has accepted our key (NIP-42). */
  onAuthenticated?(): void;
}

/** One relay's connection, as its members see it. */
export interface RelayLink {
  /** The relay's normalized URL. */
  readonly url: string;
  /** The pool's settings. */
  readonly settings: RelaySettings;
  /** Whether frames can be sent. */
  readonly isOpen: boolean;
  /** Whether the relay is open and every essential subscription is live (F12). */
  readonly isReady: boolean;
  /** When the relay's last frame came, by the pool's clock, milliseconds. */
  readonly lastHeardAt: number;
  /** How many NOTICEs have come. */
  readonly noticeCount: number;
  /** The last NOTICE. */
  readonly lastNotice: string | undefined;
  /** What waits in the socket to be sent, bytes. */
  readonly bufferedBytes: number;
  /** Sends a frame; nothing when the connection is not open. */
  send(frame: readonly unknown[]): void;
  /** Sends a frame that is a text already; nothing when the connection is not open. */
  sendText(text: string): void;
  /** Sends a REQ under an id that was never used on this connection. */
  request(filters: readonly Filter[], sink: RequestSink): string;
  /** Ends a REQ; nothing when it has ended. */
  release(id: string): void;
  /** Authenticates, or waits until that is done. Never rejects. */
  authenticate(): Promise<AuthOutcome>;
  /** Counts something that was dropped. */
  drop(): void;
  /** Why publishing can't begin, in words. */
  describeUnready(): string;
  /** A subscription became live, or ceased to be. */
  onReadinessChange(): void;
}
