/**
 * What stands behind `--`, kept apart from the words before it.
 *
 * @module
 */
import { message } from "@optique/core/message";
import type { Parser } from "@optique/core/parser";
import { passThrough } from "@optique/core/primitives";

/** Above that of commands and options: nothing else may see the `--`. */
const PRIORITY = 20;

/** A parser of a whole other command line, behind `--`; empty where there is no `--`. */
export function wordsAfterDashes(): Parser<"sync", readonly string[], readonly string[]> {
  const inner = passThrough({ format: "greedy", hidden: true });
  return {
    ...inner,
    priority: PRIORITY,
    parse: (context) => {
      const [first, ...words] = context.buffer;
      if (first !== "--" || context.optionsTerminated) {
        return { success: false, consumed: 0, error: message`There is no -- here.` };
      }
      return {
        success: true,
        next: { ...context, buffer: [], state: words },
        consumed: context.buffer,
      };
    },
  };
}
