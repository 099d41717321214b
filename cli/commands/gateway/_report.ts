/**
 * What is said of a server once it can be reached.
 *
 * @module
 */
import { formatNprofile, formatNpub } from "../../../crypto/keys.ts";
import type { McpGateway } from "../../../transport/gateway.ts";
import type { Output } from "../../output.ts";
import { ownCommand } from "../../own_command.ts";
import { sanitizeLine } from "../../sanitize.ts";
import type { GatewayPlan } from "./_plan.ts";
import { isMute, refusalsOf } from "./_write_probe.ts";

/** Tells where a server is, and what a host has to know to use it. */
export async function reportUnit(
  gateway: McpGateway,
  { label, key }: GatewayPlan,
  output: Output,
): Promise<void> {
  const npub = formatNpub(gateway.publicKey);
  const nprofile = formatNprofile(gateway.publicKey, gateway.pool.urls);
  const entry = { mcpServers: { [label]: ownCommand(["proxy", nprofile]) } };
  const { announcement } = gateway;
  const refusals = refusalsOf(gateway.pool);
  if (output.format !== "text") {
    return await output.note(JSON.stringify({
      server: label,
      npub,
      nprofile,
      publicKey: gateway.publicKey,
      relays: gateway.pool.urls,
      keyFile: key.source,
      announced: announcement?.published.map(({ kind }) => kind) ?? [],
      canAnswer: !isMute(gateway.pool),
      refusals,
      ...entry,
    }));
  }
  await output.note([
    isMute(gateway.pool)
      ? `cvm: the server ${label} is on Nostr, but can answer nobody: no relay takes what it sends`
      : `cvm: the server ${label} is on Nostr`,
    `  npub      ${npub}`,
    `  nprofile  ${nprofile}`,
    `  relays    ${gateway.pool.urls.join(" ")}`,
    ...refusals.map(({ url, reason }) =>
      `  nobody can be answered through ${url}: ${sanitizeLine(reason)}`
    ),
    `  key       ${key.source}${key.created ? " (new)" : ""}`,
    ...(announcement
      ? [`  announced kinds ${announcement.published.map(({ kind }) => kind).join(", ")}`]
      : []),
    ...(announcement?.failures ?? []).map(({ url, reason }) =>
      `  not announced on ${url}: ${sanitizeLine(reason)}`
    ),
    `Entry for an MCP host:`,
    JSON.stringify(entry, null, 2),
  ].join("\n"));
}
