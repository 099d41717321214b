/**
 * `@contextvm/sdk` as a peer of the interop tests, in a process of its own.
 *
 * @module
 */
import { bytesToHex } from "@noble/hashes/utils.js";
import { generateKey, getPublicKey } from "../../crypto/mod.ts";
import type { JsonRpcMessage, Transport } from "../../transport/types.ts";
import type { JsonRpcFailure, Transcript } from "./_tools.ts";
import type { PeerModes } from "./_modes.ts";

const SCRIPT = new URL("../testdata/sdk_peer.ts", import.meta.url);
/** The variables that it and its logger look at. */
const ENVIRONMENT = { LOG_ENABLED: "false", NODE_ENV: "test" };

/** What it may do; the last two are for its logger and for `ws`. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-net=127.0.0.1",
  "--allow-sys=hostname",
  "--allow-env",
];

/** A server of theirs. */
export interface SdkServer {
  /** Its public key, hex. */
  readonly publicKey: string;
  readonly modes: PeerModes;
}

/** How a server of theirs is announced. */
export interface SdkAnnouncement {
  /** Whether it is. */
  readonly announced?: boolean;
  /** Its tools that implement a common schema. */
  readonly commonTools?: readonly string[];
  /** Whether its calls may stream (CEP-41). */
  readonly stream?: boolean;
  /** What those are good for. */
  readonly categories?: readonly string[];
}

/** What became of a client of theirs. */
export type SdkOutcome = { readonly transcript: Transcript } | { readonly error: JsonRpcFailure };

/** A transport of theirs, and who it stands for. */
export interface SdkTransportOptions extends PeerModes {
  readonly relays: readonly string[];
  readonly role: "server" | "client";
  /** The public key of the client's server. */
  readonly server?: string;
  readonly stateless?: boolean;
  readonly announced?: boolean;
}

/** The process. */
export class SdkPeer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #transports = new Map<number, SdkTransport>();
  readonly #reading: Promise<void>;
  #commands = 0;
  #handles = 0;

  /** Starts it. Needs `--allow-run` for Deno itself. */
  constructor() {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", ...PERMISSIONS, SCRIPT.href],
      env: ENVIRONMENT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts a server of theirs; resolves when it listens. */
  async serve(
    relays: readonly string[],
    modes: PeerModes,
    announcement: SdkAnnouncement = {},
  ): Promise<SdkServer> {
    const { secretKey, publicKey } = generateKeys();
    const { error } = await this.#command("serve", {
      secretKey,
      relays,
      ...modes,
      ...announcement,
    });
    if (error !== undefined) throw new Error(`no server: ${JSON.stringify(error)}`);
    return { publicKey, modes };
  }

  /** Runs a client of theirs against a server, each request within `timeoutMs`. */
  async runClient(
    relays: readonly string[],
    modes: PeerModes,
    options: {
      server: string;
      short: boolean;
      timeoutMs: number;
      stateless?: boolean;
      large?: boolean;
      stream?: boolean;
    },
  ): Promise<SdkOutcome & { readonly publicKey: string }> {
    const { secretKey, publicKey } = generateKeys();
    const answer = await this.#command("exercise", { secretKey, relays, ...modes, ...options });
    return answer.error === undefined
      ? { publicKey, transcript: answer.result as Transcript }
      : { publicKey, error: answer.error as JsonRpcFailure };
  }

  /** A transport of theirs with a new key, not started yet. */
  transport(options: SdkTransportOptions): SdkTransport {
    const handle = ++this.#handles;
    const { secretKey, publicKey } = generateKeys();
    const transport = new SdkTransport(publicKey, async (op, message) => {
      const { error } = await this.#command(op, { handle, secretKey, ...options, message });
      if (error !== undefined) throw new Error(`${op}: ${JSON.stringify(error)}`);
    });
    this.#transports.set(handle, transport);
    return transport;
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#process.status;
    await this.#reading;
  }

  async #command(op: string, fields: object): Promise<Record<string, unknown>> {
    const id = ++this.#commands;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, answer);
    const line = JSON.stringify({ id, op, ...fields }) + "\n";
    await this.#input.write(new TextEncoder().encode(line));
    return await answer.promise;
  }

  async #read(): Promise<void> {
    let buffered = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (buffered + text).split("\n");
      buffered = lines.pop() ?? "";
      for (const line of lines) {
        const answer = JSON.parse(line);
        if (answer.handle !== undefined) {
          this.#transports.get(answer.handle)?.onmessage?.(answer.message);
          continue;
        }
        this.#waiting.get(answer.id)?.resolve(answer);
        this.#waiting.delete(answer.id);
      }
    }
    const ended = new Error("the process of @contextvm/sdk has ended");
    for (const { reject } of this.#waiting.values()) reject(ended);
  }
}

type TransportCommand = (op: "open" | "send" | "close", message?: JsonRpcMessage) => Promise<void>;

/** A transport of theirs, seen from this process. */
export class SdkTransport implements Transport {
  /** Its own public key, hex. */
  readonly publicKey: string;
  onclose?: () => void;
  // deno-lint-ignore no-explicit-any
  onmessage?: (message: any) => void;
  readonly #command: TransportCommand;

  constructor(publicKey: string, command: TransportCommand) {
    this.publicKey = publicKey;
    this.#command = command;
  }

  async start(): Promise<void> {
    await this.#command("open");
  }

  async send(message: JsonRpcMessage): Promise<void> {
    await this.#command("send", message);
  }

  async close(): Promise<void> {
    await this.#command("close");
    this.onclose?.();
  }
}

function generateKeys(): { secretKey: string; publicKey: string } {
  const secretKey = generateKey();
  return { secretKey: bytesToHex(secretKey), publicKey: getPublicKey(secretKey) };
}
