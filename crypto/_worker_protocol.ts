/**
 * What the main thread and its workers say to each other.
 *
 * @module
 */
import type { CheckedPart, NostrEvent } from "./event.ts";
import type { GiftWrapKind } from "./gift_wrap.ts";

/** The engines that a worker can load by itself. */
export type WorkerEngineName = "pure" | "wasm";

/** The first message to a worker. */
export interface StartMessage {
  /** What the worker works with. */
  readonly engine: WorkerEngineName;
}

/** What a worker is to do. */
export type TaskBody =
  | { readonly verify: NostrEvent; readonly checked?: CheckedPart }
  | {
    readonly wrap: NostrEvent;
    readonly recipient: string;
    readonly kind: GiftWrapKind;
    readonly now: number;
  };

/** A task and the number under which its result comes back. */
export type TaskMessage = { readonly id: number } & TaskBody;

/** What a worker answers: that it has started or can't, or the result of a task; `failed` is for people. */
export type WorkerMessage =
  | { readonly ready: true }
  | { readonly failed: string }
  | { readonly id: number; readonly result: boolean | NostrEvent }
  | { readonly id: number; readonly failed: string };
