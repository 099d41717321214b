/**
 * What a client knows of its server, and whether the server knows the client
 * (CEP-35).
 *
 * @module
 */
import type { Announcement } from "../discovery/announcement.ts";
import { readInfo, type ServerInfo } from "../wire/server_info.ts";
import {
  discoveryTags,
  hasFlag,
  hasSupportFlag,
  SERVER_PROCESS,
  SUPPORT_OPEN_STREAM,
  SUPPORT_OVERSIZED_TRANSFER,
  SUPPORT_TRANSFER_TOKEN,
  type Tags,
  tagValue,
} from "../wire/tags.ts";

/** A server that introduces itself so many times in a row does it always, and has not forgotten us. */
const MAX_INTRODUCTIONS = 3;

/** A client and its server. */
export class Acquaintance {
  #announcement: Announcement | undefined;
  #serverTags: Tags | undefined;
  #takesTransfers = false;
  #takesStreams = false;
  #knowsTransferTokens = false;
  #answersTokens = false;
  #isIntroduced = false;
  #introductions = 0;
  #process: string | undefined;

  /** What the server said of itself with its first message; empty before that. */
  get serverTags(): Tags {
    return this.#serverTags ?? [];
  }

  /** The server's announcement, where one was found. */
  get announcement(): Announcement | undefined {
    return this.#announcement;
  }

  /** What the server says of itself for people: with its first message, else in its announcement. */
  get serverInfo(): ServerInfo {
    return readInfo([...this.serverTags, ...this.#announcement?.tags ?? []]);
  }

  /** Whether the server has said that it takes messages in parts (CEP-22). */
  get takesTransfers(): boolean {
    return this.#takesTransfers;
  }

  /** Whether a token that only asks to be answered in parts does good and no harm: see `transferToken()`. */
  get takesTransferTokens(): boolean {
    const isHarmless = !this.#takesStreams || this.#answersTokens;
    return this.#knowsTransferTokens || (this.#takesTransfers && isHarmless);
  }

  /** Whether the server has said that it takes open streams (CEP-41). */
  get takesStreams(): boolean {
    return this.#takesStreams;
  }

  /** Whether anything has come from the server. */
  get hasMet(): boolean {
    return this.#serverTags !== undefined;
  }

  /** Whether the server knows what we can do, as far as can be told. */
  get isIntroduced(): boolean {
    return this.#isIntroduced;
  }

  /**
   * Which process the server is, as it said last: another one knows nothing of what this one has run.
   * `undefined` for servers that don't say so, and may run one event several times.
   */
  get process(): string | undefined {
    return this.#process;
  }

  /** Notes whether the server knows what we can do. */
  noteIntroduction(done: boolean): void {
    this.#isIntroduced = done;
  }

  /** Notes that a request with a progress token was answered although nothing streamed beside it. */
  noteAnsweredToken(): void {
    this.#answersTokens = true;
  }

  /** Learns from the server's announcement, which must have been verified. */
  learnAnnouncement(announcement: Announcement): void {
    this.#announcement = announcement;
    this.#learnFeatures(announcement.tags);
  }

  /**
   * Learns from a message of the server. What a later message says does not
   * replace what the first one said.
   *
   * @param tags The message's tags.
   * @param answered The method of the request that it refers to.
   * @returns Whether the server seems to have forgotten us: it introduces itself once more (faults F22).
   */
  learn(tags: Tags, answered: string | undefined): boolean {
    this.#learnFeatures(tags);
    this.#process = tagValue(tags, SERVER_PROCESS) ?? this.#process;
    if (this.#serverTags === undefined) {
      this.#serverTags = discoveryTags(tags);
      return false;
    }
    this.#introductions = hasSupportFlag(tags) ? this.#introductions + 1 : 0;
    return answered !== "initialize" && this.#introductions > 0 &&
      this.#introductions <= MAX_INTRODUCTIONS;
  }

  #learnFeatures(tags: Tags): void {
    if (hasFlag(tags, SUPPORT_OVERSIZED_TRANSFER)) this.#takesTransfers = true;
    if (hasFlag(tags, SUPPORT_TRANSFER_TOKEN)) this.#knowsTransferTokens = true;
    if (hasFlag(tags, SUPPORT_OPEN_STREAM)) this.#takesStreams = true;
  }
}
