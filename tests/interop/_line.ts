/**
 * A line to a relay that can be cut and mended.
 *
 * @module
 */

/** What reading and writing throw when an end is gone. */
const ENDS = [
  Deno.errors.BadResource,
  Deno.errors.Interrupted,
  Deno.errors.ConnectionReset,
  Deno.errors.ConnectionAborted,
  Deno.errors.BrokenPipe,
];

/** Passes TCP connections on to a relay, under a URL of its own. */
export class Line implements AsyncDisposable {
  /** What stands for the relay's URL. */
  readonly url: string;
  readonly #listener: Deno.TcpListener;
  readonly #target: Deno.ConnectOptions;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #passing = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #isCut = false;

  /** @param url The relay's URL; a `ws:` one. */
  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#target = { hostname, port: Number(port || 80) };
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.url = `ws://127.0.0.1:${this.#listener.addr.port}`;
    this.#accepting = this.#accept();
  }

  /** Ends all connections without a closing handshake, and lets no new one through. */
  cut(): void {
    this.#isCut = true;
    for (const connection of this.#connections) this.#end(connection);
  }

  /** Lets connections through again. */
  mend(): void {
    this.#isCut = false;
  }

  /** Ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#passing);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      if (this.#isCut) near.close();
      else this.#track(this.#pass(near));
    }
  }

  async #pass(near: Deno.TcpConn): Promise<void> {
    this.#connections.add(near);
    let far: Deno.TcpConn;
    try {
      far = await Deno.connect(this.#target);
    } catch (error) {
      this.#end(near);
      if (error instanceof Deno.errors.ConnectionRefused) return; // as the relay would refuse it
      throw error;
    }
    if (this.#connections.has(near)) this.#connections.add(far);
    else far.close();
    this.#track(this.#copy(near, far));
    this.#track(this.#copy(far, near));
  }

  /** Copies until one end is gone, then ends both. */
  async #copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
        for (let sent = 0; sent < read;) sent += await to.write(buffer.subarray(sent, read));
      }
    } catch (error) {
      if (!ENDS.some((kind) => error instanceof kind)) throw error;
    } finally {
      this.#end(from);
      this.#end(to);
    }
  }

  #end(connection: Deno.TcpConn): void {
    if (this.#connections.delete(connection)) connection.close();
  }

  #track(work: Promise<void>): void {
    this.#passing.add(work);
    void work.finally(() => this.#passing.delete(work));
  }
}
