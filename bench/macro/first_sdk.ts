/**
 * The shortest program that calls a tool by `@contextvm/sdk`: `first_sdk.ts SERVER [RELAY]`, with
 * the relay only where its list is to be looked up. Prints the answer.
 */
import { NostrClientTransport, PrivateKeySigner } from "@contextvm/sdk";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client";
import process from "node:process";

const [server = "", lookup] = process.argv.slice(2);
const client = new Client({ name: "bench", version: "1.0.0" });
await client.connect(
  new NostrClientTransport({
    signer: new PrivateKeySigner(),
    serverPubkey: server,
    discoveryRelayUrls: lookup === undefined ? [] : [lookup],
    logLevel: "silent",
  }),
);
console.log(JSON.stringify(await client.callTool({ name: "echo", arguments: { text: "hi" } })));
process.exit(0);
