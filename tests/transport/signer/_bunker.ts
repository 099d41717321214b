/** A bunker (NIP-46), written by hand: asks nobody, and does as it is told. */
import { type NostrEvent, PrivateKeySigner, verifyEvent } from "../../../crypto/mod.ts";
import { RelayPool, type RelayPoolOptions } from "../../../transport/mod.ts";

/** What a bunker answers beside results. */
export type Verdict = { readonly error?: string; readonly result?: string } | "silence" | undefined;

export interface BunkerOptions {
  readonly pool?: RelayPoolOptions;
  /** How long each answer takes, milliseconds. */
  readonly delayMs?: number;
  /** Good for one application. */
  readonly secret?: string;
  /** Answers a question in the place of the bunker. */
  readonly judge?: (method: string, id: string) => Verdict;
  /** The page on which the owner decides; each question waits for that. */
  readonly authUrl?: string;
}

export class Bunker implements AsyncDisposable {
  /** The key that it keeps. */
  readonly user = PrivateKeySigner.generate();
  /** The key with which it speaks. */
  readonly own = PrivateKeySigner.generate();
  /** The methods that it was asked for. */
  readonly asked: string[] = [];
  readonly relays: readonly string[];
  readonly #options: BunkerOptions;
  readonly #pool: RelayPool;
  readonly #known = new Set<string>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #secret: string | undefined;

  private constructor(relays: readonly string[], options: BunkerOptions) {
    this.relays = relays;
    this.#options = options;
    this.#secret = options.secret;
    this.#pool = new RelayPool(relays, options.pool);
    this.#pool.subscribe({ kinds: [24133], "#p": [this.own.pubkey] }, {
      onEvent: (event) => void this.#receive(event),
    }, { live: true });
  }

  static async open(relays: readonly string[], options: BunkerOptions = {}): Promise<Bunker> {
    const bunker = new Bunker(relays, options);
    await bunker.#pool.ready();
    return bunker;
  }

  /** The address that it gives out. */
  get address(): string {
    const query = new URLSearchParams(this.relays.map((url) => ["relay", url]));
    if (this.#options.secret !== undefined) query.set("secret", this.#options.secret);
    return `bunker://${this.own.pubkey}?${query}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#pool.close();
  }

  async #receive(event: NostrEvent): Promise<void> {
    if (!verifyEvent(event)) return;
    const { id, method, params } = JSON.parse(
      await this.own.nip44.decrypt(event.pubkey, event.content),
    );
    this.asked.push(method);
    const { delayMs = 0, judge, authUrl } = this.#options;
    const verdict = judge?.(method, id);
    if (verdict === "silence") return;
    if (authUrl !== undefined) {
      await this.#say(event.pubkey, { id, result: "auth_url", error: authUrl });
    }
    const answer = verdict ?? await this.#do(event.pubkey, method, params);
    if (delayMs === 0) return await this.#say(event.pubkey, { id, ...answer });
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#say(event.pubkey, { id, ...answer });
    }, delayMs);
    this.#timers.add(timer);
  }

  async #do(client: string, method: string, params: string[]) {
    const [first = "", second = ""] = params;
    if (method === "connect") {
      if (this.#options.secret !== undefined && second !== this.#secret) {
        return { error: "this secret is not good" };
      }
      this.#secret = undefined;
      this.#known.add(client);
      return { result: this.#options.secret ?? "ack" };
    }
    if (!this.#known.has(client)) return { error: "who are you?" };
    switch (method) {
      case "get_public_key":
        return { result: this.user.pubkey };
      case "sign_event":
        return { result: JSON.stringify(await this.user.signEvent(JSON.parse(first))) };
      case "nip44_encrypt":
        return { result: await this.user.nip44.encrypt(first, second) };
      case "nip44_decrypt":
        return await this.user.nip44.decrypt(first, second)
          .then((result) => ({ result }), () => ({ error: "this can't be decrypted" }));
      case "ping":
        return { result: "pong" };
      default:
        return { error: `there is no ${method}` };
    }
  }

  async #say(to: string, answer: unknown): Promise<void> {
    const event = await this.own.signEvent({
      kind: 24133,
      created_at: Math.floor(Date.now() / 1000),
      tags: [["p", to]],
      content: await this.own.nip44.encrypt(to, JSON.stringify(answer)),
    });
    await this.#pool.publish(event).catch(() => undefined); // the test sees that nothing came
  }
}
