/**
 * Asking for a relay's NIP-11 document beside everything else.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { errorText } from "./_text.ts";
import { Timer } from "./_timer.ts";
import type { RelayInfo } from "./nip11.ts";

/** Asks for one relay's document until it has been had once. */
export class InfoFetcher {
  readonly #url: string;
  readonly #fetchInfo: (url: string, signal: AbortSignal) => Promise<RelayInfo | undefined>;
  readonly #timeoutMs: number;
  readonly #timer = new Timer();
  #controller: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #info: RelayInfo | undefined;

  /**
   * @param url The relay's URL.
   * @param fetchInfo Asks.
   * @param timeoutMs How long that may take, milliseconds.
   */
  constructor(
    url: string,
    fetchInfo: (url: string, signal: AbortSignal) => Promise<RelayInfo | undefined>,
    timeoutMs: number,
  ) {
    this.#url = url;
    this.#fetchInfo = fetchInfo;
    this.#timeoutMs = timeoutMs;
  }

  /** The document, once it is known. */
  get info(): RelayInfo | undefined {
    return this.#info;
  }

  /**
   * Asks, unless the document is known or on its way.
   * @param onInfo Called when the document has come.
   */
  start(onInfo: () => void): void {
    if (this.#info !== undefined || this.#controller !== undefined) return;
    this.#controller = new AbortController();
    this.#running = this.#run(this.#controller, onInfo);
  }

  /** Stops asking; resolves when that has ended. */
  async stop(): Promise<void> {
    this.#controller?.abort();
    await this.#running;
  }

  async #run(controller: AbortController, onInfo: () => void): Promise<void> {
    const timeoutMs = this.#timeoutMs;
    this.#timer.set(timeoutMs, () => {
      controller.abort(new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError"));
    });
    try {
      this.#info = await this.#fetchInfo(this.#url, controller.signal);
    } catch (error) {
      getLogger(["cvm", "relay"]).debug("no NIP-11 document of {url}: {reason}", {
        url: this.#url,
        reason: errorText(error),
      });
    } finally {
      this.#timer.clear();
      this.#controller = undefined;
    }
    if (this.#info !== undefined && !controller.signal.aborted) onInfo();
  }
}
