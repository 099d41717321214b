/** Reads a guide: what its reader types, in order, and what they should see. */

/** One thing that the reader does. */
export interface Step {
  /** `run` in the first terminal, `start` in one of its own, `save` a file, or `stop` what was started last. */
  readonly kind: "run" | "start" | "save" | "stop";
  /** The commands, or the content of the file. */
  readonly text: string;
  /** The file to save. */
  readonly file?: string;
  /** The lines that must be seen; `…` stands for anything. */
  readonly expected: readonly string[];
}

const BLOCK = /^```(\w*)\n([\s\S]*?)^```$/gm;

/**
 * The steps of a guide. A code block of `sh` is run; where the words before it
 * say "terminal of its own" or "its terminal", it stays running. A block after
 * "save … as `NAME`" is saved. A block of `text` is what the step before prints.
 * The word "Ctrl-C" ends what was started last.
 */
export function readGuide(markdown: string): readonly Step[] {
  const steps: Step[] = [];
  let end = 0;
  for (const block of markdown.matchAll(BLOCK)) {
    const words = markdown.slice(end, block.index).replaceAll(/\s+/g, " ");
    const [whole, language, content = ""] = block;
    end = block.index + whole.length;
    if (words.includes("Ctrl-C")) steps.push({ kind: "stop", text: "", expected: [] });
    const file = words.match(/\b[Ss]ave [^`]*`([\w.-]+)`[.:]/)?.[1];
    const last = steps.at(-1);
    if (file !== undefined) steps.push({ kind: "save", text: content, file, expected: [] });
    else if (language === "sh") {
      const kind = /terminal of its own|its terminal/.test(words) ? "start" : "run";
      steps.push({ kind, text: content, expected: [] });
    } else if (language === "text" && last !== undefined) {
      const lines = content.split("\n").filter((line) => line.trim() !== "");
      steps[steps.length - 1] = { ...last, expected: [...last.expected, ...lines] };
    } else throw new Error(`what is this block for?\n${whole}`);
  }
  return steps;
}

/** The expected lines that are not in what was printed, each in a line of its own. */
export function missingLines(expected: readonly string[], printed: string): readonly string[] {
  const squeeze = (text: string) => text.replaceAll(/\s+/g, " ").trim();
  const lines = printed.split("\n").map(squeeze);
  return expected.filter((line) => {
    const parts = squeeze(line).split("…").map((part) =>
      part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    );
    const pattern = new RegExp(parts.map((part) => part.trim()).join(".*"));
    return !lines.some((each) => pattern.test(each));
  });
}
