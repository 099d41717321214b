/**
 * The shortest program that calls a tool by ours: `first_ours.ts SERVER [RELAY]`, with the
 * relay only where its list is to be looked up. Prints the answer.
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import process from "node:process";
import { openWebSocket } from "../../cli/websocket.ts";
import { PrivateKeySigner } from "../../crypto/mod.ts";
import { NostrClientTransport } from "../../transport/client.ts";

const [server = "", lookup] = process.argv.slice(2);
const client = new Client({ name: "bench", version: "1.0.0" });
await client.connect(
  new NostrClientTransport({
    signer: PrivateKeySigner.generate(),
    server,
    ...(lookup === undefined ? {} : { discoveryRelays: [lookup] }),
    pool: { webSocket: openWebSocket },
  }),
);
console.log(JSON.stringify(await client.callTool({ name: "echo", arguments: { text: "hi" } })));
process.exit(0);
