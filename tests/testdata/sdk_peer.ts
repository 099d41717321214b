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
} from "@contextvm/sdk";
import { Client } from "@modelcontextprotocol/sdk/client";
import { errorOf, exercise, makeToolServer } from "../interop/_tools.ts";

/** What a command may say. */
interface Command {
  readonly id: number;
  readonly op: "serve" | "exercise";
  readonly secretKey: string;
  readonly relays: string[];
  readonly encryption: string;
  readonly giftWrap: string;
  readonly announced?: boolean;
  readonly server?: string;
  readonly short?: boolean;
  readonly timeoutMs?: number;
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

/** Starts a server; answered once it listens. */
async function serve(command: Command): Promise<unknown> {
  const relayHandler = new WatchedPool(command.relays);
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
  await makeToolServer().connect(transport);
  await relayHandler.live.promise;
  return {};
}

/** Connects a client, makes it call, and closes it. */
async function runClient(command: Command): Promise<unknown> {
  const { server = "", short = false, timeoutMs = 5_000 } = command;
  const client = new Client({ name: "theirs", version: "1.0.0" });
  const transport = new NostrClientTransport({
    ...commonOptions(command),
    relayHandler: command.relays,
    serverPubkey: server,
    discoveryRelayUrls: [],
  });
  try {
    await client.connect(transport, { timeout: timeoutMs });
    return await exercise(client, { short, timeoutMs });
  } finally {
    await client.close();
  }
}

async function answer(line: string): Promise<void> {
  const command: Command = JSON.parse(line);
  let reply: unknown;
  try {
    reply = { id: command.id, result: await (command.op === "serve" ? serve : runClient)(command) };
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
