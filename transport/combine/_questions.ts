/**
 * What several servers ask one host.
 *
 * @module
 */
import type { RequestId } from "../types.ts";
import type { Member } from "./_member.ts";

/** Questions without an answer, under ids that are the host's alone. */
export class Questions {
  readonly #max: number;
  readonly #open = new Map<RequestId, { readonly member: Member; readonly id: RequestId }>();
  #asked = 0;

  /** @param max How many may be open. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Opens a question; the id that the host sees, or `undefined` when too many are open. */
  open(member: Member, id: RequestId): RequestId | undefined {
    if (this.#open.size >= this.#max) return undefined;
    const shown = `${member.name}-${++this.#asked}`;
    this.#open.set(shown, { member, id });
    return shown;
  }

  /** Closes the question that the host answers; whose it was, and under which id. */
  close(shown: RequestId): { readonly member: Member; readonly id: RequestId } | undefined {
    const question = this.#open.get(shown);
    this.#open.delete(shown);
    return question;
  }

  /** Closes what a server takes back, or all of its questions; the ids that the host saw. */
  withdraw(member: Member, id?: RequestId): readonly RequestId[] {
    const withdrawn = [...this.#open].filter(([, question]) =>
      question.member === member && (id === undefined || question.id === id)
    ).map(([shown]) => shown);
    for (const shown of withdrawn) this.#open.delete(shown);
    return withdrawn;
  }
}
