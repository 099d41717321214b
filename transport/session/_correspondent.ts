/**
 * How a server's messages reach one client: in which gift wrap, with what the
 * server says of itself, and in parts or as a stream where the client takes
 * that.
 *
 * @module
 */
import type { GiftWrapKind } from "../../crypto/gift_wrap.ts";
import { SessionError } from "../../errors.ts";
import type { Memory } from "../transfer/limits.ts";
import { RequestStream } from "../transfer/open_stream.ts";
import { OutgoingTransfer } from "../transfer/outgoing_transfer.ts";
import type { JsonRpcMessage } from "../types.ts";
import { mayNameFrames, OPEN_STREAM } from "../wire/frames.ts";
import { isTransferToken } from "../wire/message.ts";
import { SERVER_PROCESS, type Tags } from "../wire/tags.ts";
import type { ClientFeatures } from "./_client_features.ts";
import type { KeptAnswers } from "./_kept_answers.ts";
import type { RequestInFlight } from "./_requests_in_flight.ts";
import type { SessionLimits } from "./limits.ts";
import { chooseReplyWrap, type Features, type Modes } from "./modes.ts";
import type { Outbox } from "./outbox.ts";

/** What a {@linkcode Correspondent} works with. */
export interface CorrespondentParts {
  /** The client's public key, hex. */
  readonly peer: string;
  /** What the client has said of itself. */
  readonly client: ClientFeatures;
  /** Sends for the server's key. */
  readonly outbox: Outbox;
  /** The server's modes. */
  readonly modes: Modes;
  /** What the server can do beside plain exchange. */
  readonly features: Features;
  /** The bounds. */
  readonly limits: SessionLimits;
  /** The last answers to all clients. */
  readonly keptAnswers: KeptAnswers;
  /** The memory for what waits to be read, of all clients. */
  readonly budget: Memory;
  /** What the server says of itself with its first message (CEP-35). */
  readonly serverTags: Tags;
  /** Tells this process of the server from those before and after it. */
  readonly process: string;
}

/** How a message is sent. */
export interface PostOptions {
  /** Tags beside `p`. */
  readonly tags: Tags;
  /** The gift wrap of the message that it belongs to. Default: that of the client's latest. */
  readonly asked?: GiftWrapKind;
  /** Sends it in parts when it does not fit an event. */
  readonly transfer?: OutgoingTransfer;
  /** The id of the event that it answers, to be answered so should it come once more. */
  readonly answers?: string;
}

/** One client, from the side of what is sent to it. */
export class Correspondent {
  readonly #parts: CorrespondentParts;
  #hasIntroduced = false;
  #latestWrap: GiftWrapKind | undefined;

  /** @param parts What it works with. */
  constructor(parts: CorrespondentParts) {
    this.#parts = parts;
  }

  /** Whether the client has been told what the server is. */
  get hasIntroduced(): boolean {
    return this.#hasIntroduced;
  }

  /** Notes the gift wrap of the client's latest message. */
  heard(wrapKind: GiftWrapKind | undefined): void {
    this.#latestWrap = wrapKind;
  }

  /**
   * What the server says of itself, once a session (CEP-35); after that only which process it is, to
   * who asks whether it is there.
   *
   * @param answered The method of the request that is answered.
   */
  introduction(answered?: string): Tags {
    const process = [SERVER_PROCESS, this.#parts.process];
    if (this.#hasIntroduced) return answered === "ping" ? [process] : [];
    this.#hasIntroduced = true;
    return [...this.#parts.serverTags, process];
  }

  /** Sends a message. */
  async post(
    message: JsonRpcMessage,
    { tags, asked, transfer, answers }: PostOptions,
  ): Promise<void> {
    const { peer, outbox, client, serverTags, keptAnswers } = this.#parts;
    const wrapKind = this.#wrapFor(asked);
    await outbox.send(message, {
      recipient: peer,
      tags,
      // A client that may not know that we take transfers is told, so as to accept this one.
      startTags: client.takesTransfers
        ? tags
        : [...tags.filter(([name]) => name === "e"), ...serverTags],
      wrapKind,
      transfer,
      ...(answers !== undefined && {
        onWhole: (event) => keptAnswers.keep(answers, { event, recipient: peer, wrapKind }),
      }),
    });
  }

  /** How the answer to a request leaves should it be too large for one event; `undefined` when it can't. */
  answerInParts({ progressToken }: RequestInFlight): OutgoingTransfer | undefined {
    const { features, limits, client } = this.#parts;
    const { takesTransfers } = client;
    if (features.oversizedTransfer === false || takesTransfers === false) return undefined;
    if (progressToken === undefined || !mayNameFrames(progressToken)) return undefined;
    const isWelcome = takesTransfers ?? false;
    return new OutgoingTransfer({ token: String(progressToken), isWelcome, limits });
  }

  /** Whether there can be a stream beside a request. */
  canStream(request: RequestInFlight): boolean {
    return this.#whyNoStream(request) === undefined;
  }

  /**
   * @param request A request.
   * @returns A stream to go beside it.
   * @throws {SessionError} STREAM_UNAVAILABLE when there can be none.
   */
  openStream(request: RequestInFlight): RequestStream {
    const problem = this.#whyNoStream(request);
    if (problem !== undefined) {
      throw new SessionError("STREAM_UNAVAILABLE", `there can be no stream: ${problem}`);
    }
    const { peer, outbox, limits, budget, serverTags, client } = this.#parts;
    const { wrapKind: asked, progressToken } = request;
    const token = String(progressToken);
    const { takesStreams = false } = client;
    return new RequestStream({
      token,
      isWelcome: takesStreams,
      limits,
      budget,
      maxChunkBytes: () =>
        outbox.chunkBytes(OPEN_STREAM, token, { recipient: peer, wrapKind: this.#wrapFor(asked) }),
      // A client that may not know that we stream is told, so as to accept this one.
      send: (frame, frameType) => {
        const introduces = frameType === "start" && !takesStreams;
        return this.post(frame, { tags: introduces ? serverTags : this.introduction(), asked });
      },
    });
  }

  #whyNoStream({ progressToken }: RequestInFlight): string | undefined {
    const { features, client } = this.#parts;
    if (features.openStream === false) return "this server does not open streams";
    if (progressToken === undefined || isTransferToken(progressToken)) {
      return "the request has no progress token";
    }
    if (!mayNameFrames(progressToken)) return "the request's progress token is too long";
    if (client.takesStreams === false) return "the client has not said that it takes streams";
    return undefined;
  }

  /** A message of a session without gift wraps has none itself, whatever it belongs to. */
  #wrapFor(asked = this.#latestWrap): GiftWrapKind | undefined {
    const { modes, client } = this.#parts;
    return chooseReplyWrap(modes, asked, client.takesEphemeral);
  }
}
