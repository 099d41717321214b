// deno-lint-ignore-file no-import-prefix -- run with no deno.json, see startNostrRelay().
/**
 * A relay that this project did not write: `@nostr-relay/*` from npm, over
 * real sockets. It brings the protocol; the socket server and the place for
 * events are for whoever uses it to add. A program of its own: prints its URL,
 * and ends when its standard input does.
 *
 * @module
 */
// `@nostr-relay/common` uses this without saying so in its package.json.
import "npm:@noble/hashes@1.8.0/sha256";
import {
  type Client,
  ClientReadyState,
  type Event,
  EventRepository,
  type Filter,
  LogLevel,
} from "npm:@nostr-relay/common@0.0.40";
import { NostrRelay } from "npm:@nostr-relay/core@0.0.40";
import { Validator } from "npm:@nostr-relay/validator@0.0.40";
// Not mod.ts: its imports need deno.json.
import { MemoryEventStore } from "../../transport/testing/memory_store.ts";

/** Events for {@linkcode NostrRelay}, in memory. */
class MemoryRepository extends EventRepository {
  readonly #store = new MemoryEventStore();

  isSearchSupported(): boolean {
    return false;
  }

  upsert(event: Event): { isDuplicate: boolean } {
    return { isDuplicate: this.#store.add(event) !== "stored" };
  }

  find(filter: Filter): Event[] {
    return this.#store.query([toOurFilter(filter)], 500)
      .map((event) => ({ ...event, tags: event.tags.map((tag) => [...tag]) }));
  }

  override deleteByDeletionRequest(event: Event): Promise<void> {
    this.#store.add(event);
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    this.#store.close();
    return Promise.resolve();
  }
}

/** The filter without the extensions that its type allows and no client of ours sends. */
function toOurFilter(filter: Filter): Record<`#${string}`, string[]> {
  return Object.fromEntries(
    Object.entries(filter).filter(([name]) => name !== "search" && !name.startsWith("&")),
  );
}

/** Serves it on a free port until standard input ends. */
async function main(): Promise<void> {
  // Its caches run timers and answer a REQ with what was there up to a second ago.
  const relay = new NostrRelay(new MemoryRepository(), {
    logLevel: LogLevel.ERROR,
    maxSubscriptionsPerClient: 100,
    filterResultCacheTtl: 0,
    eventHandlingResultCacheTtl: 0,
  });
  const validator = new Validator();
  const ends = new Map<WebSocket, PromiseWithResolvers<void>>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (request.headers.get("upgrade") !== "websocket") return new Response(null, { status: 404 });
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    const end = Promise.withResolvers<void>();
    ends.set(socket, end);
    const client: Client = {
      get readyState() {
        const { OPEN, CLOSED } = ClientReadyState;
        return socket.readyState === WebSocket.OPEN ? OPEN : CLOSED;
      },
      send: (data) => socket.send(data),
    };
    socket.onopen = () => relay.handleConnection(client);
    socket.onmessage = async ({ data }) => {
      try {
        await relay.handleMessage(client, await validator.validateIncomingMessage(data));
      } catch (error) {
        // It leaves this to its user; its examples say NOTICE and nothing else.
        const text = error instanceof Error ? error.message : String(error);
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(["NOTICE", text]));
      }
    };
    socket.onerror = (event) => event.preventDefault();
    socket.onclose = () => {
      relay.handleDisconnect(client);
      ends.delete(socket);
      end.resolve();
    };
    return response;
  });
  console.log(`ws://127.0.0.1:${server.addr.port}`);
  await Deno.stdin.readable.pipeTo(new WritableStream());
  const shutdown = server.shutdown();
  const closed = [...ends.values()].map(({ promise }) => promise);
  for (const socket of ends.keys()) socket.close(1001);
  await Promise.all(closed);
  await shutdown;
  await relay.destroy();
}

if (import.meta.main) await main();
