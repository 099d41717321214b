/**
 * A response body whose end is noticed, and that holds no more than it may for
 * a client that does not read.
 *
 * @module
 */

/** Options of {@linkcode watchBody}. */
export interface WatchOptions {
  /** How much waits for the client at most, in bytes; a single larger chunk is let through. */
  readonly maxBufferedBytes: number;
  /** Called once, when the body has ended, whoever ended it. */
  readonly onEnd: () => void;
}

/**
 * Passes a body on.
 *
 * @param body The body; it is read at once, whether or not the client does.
 * @param options The bound, and who is told of the end.
 * @returns The same bytes. They end early when too much waits for the client, which may take the stream up again.
 */
export function watchBody(
  body: ReadableStream<Uint8Array>,
  { maxBufferedBytes, onEnd }: WatchOptions,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let ended = false;
  const end = () => {
    if (!ended) onEnd();
    ended = true;
  };
  const pump = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    try {
      while (true) {
        const { value, done } = await reader.read();
        if (ended) return;
        const room = controller.desiredSize ?? 0;
        if (done || value.byteLength > room && room < maxBufferedBytes) break;
        controller.enqueue(value);
      }
      controller.close();
      await reader.cancel("the client reads too slowly");
    } catch (error) {
      controller.error(error);
    } finally {
      end();
    }
  };
  return new ReadableStream({
    start: (controller) => void pump(controller),
    cancel: async (reason) => {
      end();
      await reader.cancel(reason);
    },
  }, { highWaterMark: maxBufferedBytes, size: (chunk) => chunk.byteLength });
}
