/**
 * `@contextvm/sdk` in a process of its own: it leaves timers and sockets
 * behind. Takes a command a line on stdin and answers each with a line on
 * stdout; ends with stdin.
 *
 * @module
 */
import {
  ApplesauceRelayPool,
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
import { echoLarge, errorOf, exercise, makeToolServer } from "../interop/_tools.ts";

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
  await makeToolServer().connect(serverTransport(command, relayHandler));
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
  const { short = false, large = false, timeoutMs = 5_000 } = command;
  const client = new Client({ name: "theirs", version: "1.0.0" });
  try {
    await client.connect(clientTransport(command), { timeout: timeoutMs });
    if (large) await echoLarge(client, { timeoutMs });
    return await exercise(client, { short, timeoutMs });
  } finally {
    await client.close();
  }
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
