/**
 * `@contextvm/sdk` in a process of its own: it leaves timers and sockets
 * behind. Takes a command a line on stdin and answers each with a line on
 * stdout; ends with stdin.
 *
 * @module
 */
import {
  ApplesauceRelayPool,
  callToolStream,
  EncryptionMode,
  GiftWrapMode,
  NostrClientTransport,
  NostrServerTransport,
  PrivateKeySigner,
  withCommonToolSchemas,
} from "@contextvm/sdk";
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/types"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import {
  checkSpelled,
  echoLarge,
  errorOf,
  exercise,
  makeToolServer,
  type StreamSink,
} from "../interop/_tools.ts";

/** What a command may say. */
interface Command {
  readonly id: number;
  readonly op: "serve" | "exercise" | "open" | "send" | "close";
  readonly secretKey: string;
  readonly relays: string[];
  readonly encryption: string;
  readonly giftWrap: string;
  readonly announced?: boolean;
  readonly commonTools?: string[];
  readonly categories?: string[];
  readonly server?: string;
  readonly short?: boolean;
  readonly large?: boolean;
  /** Whether calls may stream; a client calls the tool that does. */
  readonly stream?: boolean;
  readonly timeoutMs?: number;
  readonly stateless?: boolean;
  /** The transport that `open` makes, and `send` and `close` mean. */
  readonly handle?: number;
  readonly role?: "server" | "client";
  readonly message?: JSONRPCMessage;
}

/** Their pool, which also says when its subscription is live. */
class WatchedPool extends ApplesauceRelayPool {
  readonly live = Promise.withResolvers<void>();

  override async subscribe(
    ...[filters, onEvent, onEose]: Parameters<ApplesauceRelayPool["subscribe"]>
  ): Promise<() => void> {
    return await super.subscribe(filters, onEvent, () => {
      this.live.resolve();
      onEose?.();
    });
  }
}

function encryptionMode(name: string): EncryptionMode {
  const mode = Object.values(EncryptionMode).find((value) => value === name);
  if (mode === undefined) throw new TypeError(`no encryption mode is called ${name}`);
  return mode;
}

function giftWrapMode(name: string): GiftWrapMode {
  const mode = Object.values(GiftWrapMode).find((value) => value === name);
  if (mode === undefined) throw new TypeError(`no gift wrap mode is called ${name}`);
  return mode;
}

function commonOptions(command: Command) {
  return {
    signer: new PrivateKeySigner(command.secretKey),
    encryptionMode: encryptionMode(command.encryption),
    giftWrapMode: giftWrapMode(command.giftWrap),
    logLevel: "silent",
  } as const;
}

function serverTransport(command: Command, relayHandler: WatchedPool): NostrServerTransport {
  const transport = new NostrServerTransport({
    ...commonOptions(command),
    relayHandler,
    serverInfo: { name: "theirs" },
    isAnnouncedServer: command.announced ?? false,
    publishRelayList: command.announced ?? false,
    profileMetadata: command.announced
      ? { name: "theirs", website: "https://theirs.example" }
      : undefined,
    bootstrapRelayUrls: [],
    openStream: { enabled: command.stream ?? false },
  });
  const { commonTools, categories } = command;
  if (commonTools !== undefined) {
    withCommonToolSchemas(transport, { tools: commonTools.map((name) => ({ name })), categories });
  }
  return transport;
}

/** Starts a server; answered once it listens. */
async function serve(command: Command): Promise<unknown> {
  const relayHandler = new WatchedPool(command.relays);
  // Their way to the stream of a call.
  const openStream = ({ _meta }: { _meta?: { [field: string]: unknown } }) =>
    _meta?.stream as StreamSink;
  await makeToolServer({ openStream }).connect(serverTransport(command, relayHandler));
  await relayHandler.live.promise;
  return {};
}

function clientTransport(command: Command): NostrClientTransport {
  return new NostrClientTransport({
    ...commonOptions(command),
    relayHandler: command.relays,
    serverPubkey: command.server ?? "",
    discoveryRelayUrls: [],
    isStateless: command.stateless ?? false,
    openStream: { enabled: command.stream ?? false },
  });
}

/** Opens a transport whose messages go to and come from the other process. */
async function open(command: Command): Promise<unknown> {
  const { handle = 0 } = command;
  const pool = new WatchedPool(command.relays);
  const isServer = command.role === "server";
  const transport = isServer ? serverTransport(command, pool) : clientTransport(command);
  transport.onmessage = (message) => console.log(JSON.stringify({ handle, message }));
  transports.set(handle, transport);
  await transport.start();
  if (isServer) await pool.live.promise;
  return {};
}

async function send({ handle = 0, message }: Command): Promise<unknown> {
  if (message !== undefined) await transports.get(handle)?.send(message);
  return {};
}

async function close({ handle = 0 }: Command): Promise<unknown> {
  await transports.get(handle)?.close();
  transports.delete(handle);
  return {};
}

const transports = new Map<number, NostrServerTransport | NostrClientTransport>();

/** Connects a client, makes it call, and closes it. */
async function runClient(command: Command): Promise<unknown> {
  const { short = false, large = false, stream = false, timeoutMs = 5_000 } = command;
  const client = new Client({ name: "theirs", version: "1.0.0" });
  const transport = clientTransport(command);
  try {
    await client.connect(transport, { timeout: timeoutMs });
    if (large) await echoLarge(client, { timeoutMs });
    if (stream) await streamSpelling(client, transport);
    return await exercise(client, { short, timeoutMs });
  } finally {
    await client.close();
  }
}

async function streamSpelling(client: Client, transport: NostrClientTransport): Promise<void> {
  // Their types name another package of the same client.
  const theirs = client as unknown as Parameters<typeof callToolStream>[0]["client"];
  const call = await callToolStream<{ [field: string]: unknown }>({
    client: theirs,
    transport,
    name: "spell",
  });
  const pieces: string[] = [];
  for await (const { value } of call.stream) pieces.push(value);
  checkSpelled(pieces, await call.result);
}

const OPERATIONS = { serve, exercise: runClient, open, send, close } as const;

async function answer(line: string): Promise<void> {
  const command: Command = JSON.parse(line);
  let reply: unknown;
  try {
    reply = { id: command.id, result: await OPERATIONS[command.op](command) };
  } catch (error) {
    reply = { id: command.id, error: errorOf(error) };
  }
  console.log(JSON.stringify(reply));
}

let buffered = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (buffered + text).split("\n");
  buffered = lines.pop() ?? "";
  for (const line of lines) void answer(line);
}
Deno.exit(0);
