/**
 * Asks the person at the terminal for something that nobody should see.
 *
 * @module
 */
import { Interrupt, type TextSink } from "./io.ts";

/** A longer answer is nobody's secret, in characters. */
const MAX_LENGTH = 4_096;

/** The terminal that is asked. */
export interface Terminal {
  /** Reads some bytes; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Switches line editing and echo off, or on again. */
  setRaw(mode: boolean): void;
}

/**
 * Asks, and reads one line without showing it.
 *
 * @param question What to ask.
 * @param terminal Where the answer is typed.
 * @param shown Where the question is shown: standard error.
 * @returns The line, without its end.
 * @throws {Interrupt} When the person presses Ctrl-C.
 */
export async function promptSecret(
  question: string,
  { terminal, shown }: { readonly terminal: Terminal; readonly shown: TextSink },
): Promise<string> {
  // Before the question: who answers at once must not see it either.
  terminal.setRaw(true);
  try {
    await shown.write(question);
    return await readLine(terminal);
  } finally {
    terminal.setRaw(false);
    await shown.write("\r\n");
  }
}

async function readLine(terminal: Terminal): Promise<string> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(256);
  let line: string[] = [];
  while (line.length < MAX_LENGTH) {
    const length = await terminal.read(bytes);
    if (length === null) return line.join("");
    for (const character of decoder.decode(bytes.subarray(0, length), { stream: true })) {
      if (character === "\r" || character === "\n" || character === "\x04") return line.join("");
      if (character === "\x03") throw new Interrupt("SIGINT");
      if (character === "\x15") line = []; // Ctrl-U
      else if (character === "\x7f" || character === "\b") line.pop();
      else line.push(character);
    }
  }
  return line.join("");
}
