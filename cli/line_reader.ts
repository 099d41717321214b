/**
 * Bytes into lines, bounded.
 *
 * @module
 */

/** Cuts a stream of bytes into lines of bounded length. */
export class LineReader {
  readonly #decoder = new TextDecoder();
  readonly #maxLength: number;
  readonly #onLine: (line: string) => void;
  #rest = "";

  /**
   * @param onLine Called with each line, without its end.
   * @param maxLength Longest line in UTF-16 code units; a longer one arrives in pieces.
   */
  constructor(onLine: (line: string) => void, maxLength: number) {
    this.#onLine = onLine;
    this.#maxLength = maxLength;
  }

  /** Takes bytes. */
  push(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Hands out what is left. */
  end(): void {
    this.#take(this.#decoder.decode());
    if (this.#rest !== "") this.#onLine(this.#rest);
    this.#rest = "";
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line.replace(/\r$/, ""));
    while (this.#rest.length > this.#maxLength) {
      this.#onLine(this.#rest.slice(0, this.#maxLength));
      this.#rest = this.#rest.slice(this.#maxLength);
    }
  }
}
