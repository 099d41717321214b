/**
 * Questions to a remote signer and its answers, over relays (NIP-46).
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { NostrEvent } from "../../crypto/event.ts";
import { formatNpub } from "../../crypto/keys.ts";
import type { Signer } from "../../crypto/signer.ts";
import { CvmError, RelayError, SignerError } from "../../errors.ts";
import { plainText } from "../relay/_text.ts";
import { Timer } from "../relay/_timer.ts";
import { RelayPool, type RelayPoolOptions } from "../relay/pool.ts";
import { parseObject } from "../wire/json.ts";
import { BUNKER_KIND } from "../wire/kinds.ts";
import type { BunkerAddress } from "./bunker_address.ts";

const logger = getLogger(["cvm", "signer"]);

/** A longer answer is not decrypted, UTF-16 code units of base64: that of an event of 64 KiB. */
const MAX_ANSWER_LENGTH = 131_072;

/** What a line is made of; see `BunkerSignerOptions`. */
export interface BunkerLineOptions {
  readonly address: BunkerAddress;
  readonly clientSigner: Signer;
  readonly clientPubkey: string;
  readonly timeoutMs: number;
  readonly authTimeoutMs: number;
  readonly maxInFlight: number;
  readonly onAuthUrl: (url: string) => void;
  readonly pool: RelayPoolOptions;
  readonly now: () => number;
}

/** A question that has no answer yet. */
interface Question {
  readonly id: string;
  readonly method: string;
  readonly content: string;
  readonly timer: Timer;
  readonly answer: PromiseWithResolvers<string>;
  /** Where the signer's owner was sent for a decision. */
  authUrl?: string;
}

/** A connection to one remote signer. */
export class BunkerLine {
  /** What errors call the signer. */
  readonly name: string;
  readonly #options: BunkerLineOptions;
  readonly #pool: RelayPool;
  readonly #stop = new AbortController();
  readonly #questions = new Map<string, Question>();
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;

  /** @param options The signer, and how it is spoken to. */
  constructor(options: BunkerLineOptions) {
    const { address, clientSigner, clientPubkey, pool } = options;
    this.name = `the bunker ${formatNpub(address.pubkey)}`;
    this.#options = options;
    this.#pool = new RelayPool(address.relays, { signer: clientSigner, ...pool });
    this.#pool.subscribe(
      {
        kinds: [BUNKER_KIND],
        authors: [address.pubkey],
        "#p": [clientPubkey],
      },
      { onEvent: (event) => void this.#receive(event) },
      { live: true },
    );
    void this.#watch();
  }

  /** Waits until a relay works. @throws {RelayError} When none does. */
  async ready(signal?: AbortSignal): Promise<void> {
    try {
      await this.#pool.ready({ signal });
    } catch (error) {
      throw this.#named(error);
    }
  }

  /**
   * Asks the signer.
   *
   * @param method What it is to do.
   * @param params With what.
   * @param timeoutMs How long it may take, milliseconds; longer when its owner has to decide.
   * @returns Its answer.
   * @throws {SignerError} SIGNER_NOT_ANSWERING or SIGNER_REFUSED.
   */
  async ask(
    method: string,
    params: readonly string[],
    timeoutMs: number = this.#options.timeoutMs,
  ): Promise<string> {
    await this.#takeTurn();
    const id = crypto.randomUUID();
    const question: Question = {
      id,
      method,
      content: JSON.stringify({ id, method, params }),
      timer: new Timer(),
      answer: Promise.withResolvers<string>(),
    };
    this.#questions.set(id, question);
    question.timer.set(timeoutMs, () => this.#giveUp(question, timeoutMs));
    this.#publish(question).catch((error) => question.answer.reject(this.#named(error)));
    try {
      if (this.#stop.signal.aborted) throw this.#closedError();
      return await question.answer.promise;
    } finally {
      question.timer.clear();
      this.#questions.delete(id);
      this.#passTurn();
    }
  }

  /** Ends all that is under way. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const { answer } of this.#questions.values()) answer.reject(this.#closedError());
    for (const go of this.#waiting.splice(0)) go();
    await this.#pool.close();
  }

  /** Waits until fewer questions are open than the signer may have at one time. */
  async #takeTurn(): Promise<void> {
    if (this.#inFlight < this.#options.maxInFlight) this.#inFlight += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (!this.#stop.signal.aborted) return;
    this.#passTurn();
    throw this.#closedError();
  }

  #passTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inFlight -= 1;
    else next();
  }

  async #publish({ content }: Question): Promise<void> {
    const { address, clientSigner, now } = this.#options;
    if (clientSigner.nip44 === undefined) throw new TypeError("clientSigner needs nip44");
    const event = await clientSigner.signEvent({
      kind: BUNKER_KIND,
      created_at: Math.floor(now() / 1000),
      tags: [["p", address.pubkey]],
      content: await clientSigner.nip44.encrypt(address.pubkey, content),
    });
    await this.#pool.publish(event, { signal: this.#stop.signal });
  }

  /** Answers are not stored: what may have been lost with a connection is asked again. */
  async #watch(): Promise<void> {
    const met = new Set<string>();
    for await (const { url, state } of this.#pool.status({ signal: this.#stop.signal })) {
      if (state !== "open") continue;
      if (met.has(url)) {
        for (const question of this.#questions.values()) {
          this.#publish(question).catch((error) =>
            logger.debug("a question could not be repeated: {error}", { error })
          );
        }
      }
      met.add(url);
    }
  }

  async #receive(event: NostrEvent): Promise<void> {
    const { address, clientSigner } = this.#options;
    if (this.#questions.size === 0 || event.content.length > MAX_ANSWER_LENGTH) return;
    try {
      // The MAC of NIP-44 proves that the signer wrote it; the event's signature would add nothing.
      const text = await clientSigner.nip44?.decrypt(address.pubkey, event.content);
      const { id, result, error } = parseObject(text ?? "") ?? {};
      const question = typeof id === "string" ? this.#questions.get(id) : undefined;
      if (question !== undefined) this.#answer(question, result, error);
    } catch (error) {
      if (!(error instanceof CvmError)) throw error;
      logger.debug("dropped what is no answer of the bunker: {reason}", { reason: error.message });
    }
  }

  #answer(question: Question, result: unknown, error: unknown): void {
    if (result === "auth_url" && typeof error === "string") {
      return this.#showAuthUrl(question, error);
    }
    if (typeof error === "string" && error !== "") {
      question.answer.reject(this.refused(question.method, plainText(error)));
    } else if (typeof result === "string") {
      question.answer.resolve(result);
    } else {
      question.answer.reject(this.refused(question.method, "its answer is empty"));
    }
  }

  /** The signer's owner decides on a web page; the answer comes after that. */
  #showAuthUrl(question: Question, text: string): void {
    const { authTimeoutMs, onAuthUrl } = this.#options;
    const url = URL.parse(text);
    if (question.authUrl !== undefined || url === null || !/^https?:$/.test(url.protocol)) return;
    question.authUrl = url.href;
    question.timer.set(authTimeoutMs, () => this.#giveUp(question, authTimeoutMs));
    onAuthUrl(url.href);
  }

  /** The error for a signer that says no. */
  refused(method: string, reason: string): SignerError {
    return new SignerError("SIGNER_REFUSED", `${this.name} refused ${method}: ${reason}`);
  }

  #giveUp({ method, answer, authUrl }: Question, timeoutMs: number): void {
    const where = this.#options.address.relays.join(", ");
    const what = authUrl === undefined ? "" : `, after its owner was asked at ${authUrl}`;
    answer.reject(
      new SignerError(
        "SIGNER_NOT_ANSWERING",
        `${this.name} did not answer ${method} within ${timeoutMs / 1000} s on ${where}${what}`,
      ),
    );
  }

  #named(error: unknown): unknown {
    if (!(error instanceof RelayError) || error.code === "CLOSED") return error;
    const what = `${this.name} can't be reached`;
    return new RelayError("RELAY_UNREACHABLE", what, error.failures, { cause: error });
  }

  #closedError(): CvmError {
    return new CvmError("CLOSED", `the signer of ${this.name} was used after close()`);
  }
}
