/**
 * What `cvm inspect SERVER` shows: who the server is, how it is reached, and
 * what it offers.
 *
 * @module
 */
// @ts-types="@modelcontextprotocol/sdk/client"
import type { Client } from "@modelcontextprotocol/sdk/client";
import { formatNprofile, formatNpub } from "../../../crypto/keys.ts";
import {
  type SchemaCheck,
  verifyCommonSchemas,
} from "../../../transport/discovery/common_schema.ts";
import type { ServerConnection } from "../../connection.ts";
import type { Output } from "../../output.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { describeItem, type Item, type McpSession } from "./mcp_session.ts";

/** What the overview is made of. */
export interface OverviewSources {
  /** The connected client. */
  readonly client: Client;
  /** What can be asked of the server. */
  readonly session: McpSession;
  /** How it was reached. */
  readonly connection: ServerConnection;
  /** How long the relays and the MCP handshake took, in milliseconds. */
  readonly handshakeMs: number;
  /** Where the overview goes. */
  readonly output: Output;
}

/** Shows the overview. */
export async function overview(sources: OverviewSources): Promise<void> {
  const { client, session, connection: { transport, engine }, handshakeMs, output } = sources;
  const { serverPublicKey: publicKey, pool, announcement } = transport;
  const lists: Record<string, readonly Item[]> = {
    tools: await session.list("tools"),
    resources: await session.list("resources"),
    templates: await session.list("templates"),
    prompts: await session.list("prompts"),
  };
  const claims = verifyCommonSchemas(lists.tools ?? []).filter(({ claimed }) =>
    claimed !== undefined
  );
  const report = {
    publicKey,
    npub: formatNpub(publicKey),
    nprofile: formatNprofile(publicKey, pool.urls),
    name: transport.serverInfo.name ?? null,
    server: client.getServerVersion() ?? null,
    instructions: client.getInstructions() ?? null,
    capabilities: client.getServerCapabilities() ?? {},
    tags: transport.serverTags,
    encryption: transport.wrap === "plain" ? "plain text" : `gift wraps of kind ${transport.wrap}`,
    announcement: announcement === undefined ? null : {
      publishedAt: announcement.event.created_at,
      name: announcement.name ?? null,
      about: announcement.about ?? null,
      supportsEncryption: announcement.supportsEncryption,
      supportsEphemeral: announcement.supportsEphemeral,
    },
    relays: pool.snapshot().map(({ url, state, lastError, info }) => ({
      url,
      state,
      software: info?.software ?? null,
      ...(lastError === undefined ? {} : { lastError }),
    })),
    handshakeMs: Math.round(handshakeMs),
    engine: engine.name,
    ...lists,
    commonSchemas: claims.map(({ tool, verdict, hash }) => ({ tool, verdict, hash: hash ?? null })),
  };
  await output.result(report, () => {
    const line = (name: string, value: string) =>
      `${output.style(name.padEnd(14), "bold")}${value}`;
    const { server } = report;
    return [
      line("server", sanitizeLine(report.name ?? server?.name ?? "unnamed")),
      line("npub", report.npub),
      line("nprofile", report.nprofile),
      line(
        "software",
        server === null ? "unknown" : sanitizeLine(`${server.name} ${server.version}`),
      ),
      line("messages", report.encryption),
      line("handshake", `${report.handshakeMs} ms`),
      line("engine", report.engine),
      line("announcement", describeAnnouncement(report.announcement)),
      ...report.relays.map(({ url, state, software, lastError }) =>
        line("relay", sanitizeLine([url, state, software, lastError].filter(Boolean).join("  ")))
      ),
      ...Object.entries(lists).flatMap(([name, items]) => [
        line(name, String(items.length)),
        ...items.map((item) => `  ${describeItem(item)}`),
      ]),
      ...claims.map((claim) => describeClaim(claim, line)),
    ].join("\n");
  });
}

function describeClaim(
  { tool, verdict, hash }: SchemaCheck,
  line: (name: string, value: string) => string,
): string {
  const name = sanitizeLine(tool, 60);
  if (verdict === "matches") return line("common schema", `${name}  ${hash}`);
  return line("warning", `${name} does not have the common schema that it claims; don't trust it`);
}

function describeAnnouncement(
  announcement: { publishedAt: number; about: string | null } | null,
): string {
  if (announcement === null) return "none on these relays";
  const days = (Date.now() / 1000 - announcement.publishedAt) / 86_400;
  const age = days < 1 ? "less than a day old" : `${Math.floor(days)} days old`;
  return announcement.about === null ? age : `${age}: ${sanitizeLine(announcement.about, 200)}`;
}
