/**
 * The whole path, on this machine alone: a relay, a gateway with a real MCP
 * server, a client that finds and calls it, and a proxy as an MCP host uses it.
 *
 * `deno task demo`, or `deno task demo --json` for one JSON object.
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ChildProcessTransport } from "../cli/child_process.ts";
import { serveRelay } from "../cli/relay/mod.ts";
import { openWebSocket } from "../cli/websocket.ts";
import { formatNprofile, formatNpub, PrivateKeySigner } from "../crypto/mod.ts";
import { NostrClientTransport } from "../transport/client.ts";
import { fetchAnnouncement } from "../transport/discovery/announcement.ts";
import { McpGateway } from "../transport/gateway.ts";
import { RelayPool } from "../transport/relay/pool.ts";

const EVERYTHING = "npm:@modelcontextprotocol/server-everything@2026.8.31";
const PROJECT = new URL("..", import.meta.url).pathname;

interface Step {
  readonly step: string;
  readonly milliseconds: number;
  readonly result: unknown;
}

const json = Deno.args.includes("--json");
const terminal = !json && Deno.stdout.isTerminal();
const steps: Step[] = [];

/** Does one step, and tells what came of it and how long it took. */
async function step<T>(
  name: string,
  act: () => Promise<T>,
  tell: (value: T) => unknown,
): Promise<T> {
  const started = performance.now();
  const value = await act();
  const milliseconds = Math.round((performance.now() - started) * 10) / 10;
  const result = tell(value);
  steps.push({ step: name, milliseconds, result });
  if (!json) {
    console.log(`${name.padEnd(44)} ${String(milliseconds).padStart(8)} ms  ${describe(result)}`);
  }
  return value;
}

function describe(result: unknown): string {
  const text = typeof result === "string" ? result : JSON.stringify(result);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

function textOf(result: unknown): string {
  const content = (result as { content?: readonly { text?: string }[] }).content;
  return content?.[0]?.text ?? "";
}

/** Tells of progress when it arrives; the SDK's client forgets what it reads together with the result. */
function watchProgress(client: Client, tell: (progress: number, total: unknown) => void): void {
  const { transport } = client;
  if (transport === undefined) return;
  const deliver = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if ("method" in message && message.method === "notifications/progress") {
      tell(Number(message.params?.progress), message.params?.total);
    }
    deliver?.(message, extra);
  };
}

/** Lists, calls and waits for a tool that takes its time. */
async function useServer(client: Client, by: string): Promise<void> {
  await step(`${by}: list tools`, () => client.listTools(), ({ tools }) => `${tools.length} tools`);
  await step(
    `${by}: list resources`,
    () => client.listResources(),
    ({ resources }) => `${resources.length} resources`,
  );
  await step(
    `${by}: list prompts`,
    () => client.listPrompts(),
    ({ prompts }) => `${prompts.length} prompts`,
  );
  await step(
    `${by}: call echo`,
    () => client.callTool({ name: "echo", arguments: { message: "hello over Nostr" } }),
    textOf,
  );
  const progress: number[] = [];
  watchProgress(client, (now, total) => {
    progress.push(now);
    if (terminal) console.log(`    progress ${now}/${total}`);
  });
  await step(
    `${by}: call a long-running tool`,
    () =>
      client.callTool(
        { name: "trigger-long-running-operation", arguments: { duration: 2, steps: 4 } },
        undefined,
        {
          onprogress: () => undefined, // asks for it
        },
      ),
    (result) => ({ progress, text: textOf(result) }),
  );
}

const folder = await Deno.makeTempDir({ prefix: "cvm-demo-" });
try {
  await using relay = await step(
    "start the embedded relay",
    () => serveRelay({ port: 0 }),
    ({ url }) => url,
  );
  const pool = { webSocket: openWebSocket };
  const network = { relays: [relay.url], pool };
  const server = {
    command: Deno.execPath(),
    args: ["run", "--quiet", "--allow-env", "--allow-read", EVERYTHING, "stdio"],
    cwd: PROJECT,
    env: Deno.env.toObject(),
  };
  await using gateway = new McpGateway({
    signer: PrivateKeySigner.generate(),
    info: { name: "Everything", about: "the demo's server" },
    announce: true,
    upstream: () => new ChildProcessTransport(server),
    ...network,
  });
  await step(
    "put server-everything on it",
    () => gateway.start(),
    () => formatNpub(gateway.publicKey),
  );
  await using asking = new RelayPool([relay.url], pool);
  await step(
    "find it by its announcement",
    () => fetchAnnouncement(asking, gateway.publicKey),
    (found) => {
      if (found === undefined) throw new Error("the announcement is not on the relay");
      return found.name ?? "unnamed";
    },
  );

  const client = new Client({ name: "cvm-demo", version: "1.0.0" });
  const transport = new NostrClientTransport({
    signer: PrivateKeySigner.generate(),
    server: gateway.publicKey,
    encryption: "required",
    ...network,
  });
  await step(
    "client: connect",
    () => client.connect(transport),
    () => `gift wraps of kind ${transport.wrap}`,
  );
  await useServer(client, "client");
  await client.close();

  const address = formatNprofile(gateway.publicKey, [relay.url]);
  const cvm = [
    "run",
    "--quiet",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env",
  ];
  const host = new Client({ name: "cvm-demo-host", version: "1.0.0" });
  const proxy = new StdioClientTransport({
    command: Deno.execPath(),
    args: [...cvm, `${PROJECT}cli/main.ts`, "proxy", address],
    env: { ...Deno.env.toObject(), XDG_CONFIG_HOME: folder },
    stderr: "ignore",
  });
  await step("host: connect through cvm proxy", () => host.connect(proxy), () => "stdio");
  await useServer(host, "host");
  await host.close();

  // Who came by npx has no other Deno.
  const byNpx = Deno.env.get("npm_command") === "exec";
  const task = `${byNpx ? `npx -y deno@${Deno.version.deno}` : "deno"} task`;
  const byHand = [
    `${task} relay --port 7447`,
    `${task} gateway --relay ws://127.0.0.1:7447 --announce -- npx -y @modelcontextprotocol/server-everything`,
    `${task} inspect NPROFILE`,
    `${task} inspect NPROFILE call echo message=hello`,
    `${task} proxy NPROFILE`,
  ];
  if (json) console.log(JSON.stringify({ relay: relay.url, address, steps, byHand }));
  else {
    console.log("\nEach step by hand, in terminals of their own; the gateway prints its nprofile:");
    for (const line of byHand) console.log(`  ${line}`);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
