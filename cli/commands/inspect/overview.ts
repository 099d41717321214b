/**
 * What `cvm inspect SERVER` shows: who the server is, how it is reached, and
 * what it offers.
 *
 * @module
 */
import { ageText } from "../../ages.ts";
import type { Output } from "../../output.ts";
import { sanitizeLine } from "../../sanitize.ts";
import type { Price } from "../../../transport/wire/prices.ts";
import type { ListName } from "./mcp_session.ts";
import { pingText } from "./pings.ts";
import type { Ability } from "./relay_probe.ts";
import type { Findings, RelayFinding } from "./findings.ts";
import { claimsOf, FEATURES, reportOf } from "./report.ts";
import { itemLine } from "./requests.ts";

/** Entries of one list that are shown; the others are counted. */
const MAX_SHOWN = 100;
/** Prices that are shown. */
const MAX_PRICES = 20;

type Line = (name: string, value: string) => string;

/** Prints the findings. */
export async function showOverview(findings: Findings, output: Output): Promise<void> {
  const report = reportOf(findings);
  await output.result(report, () => {
    const line: Line = (name, value) => `${output.style(name.padEnd(14), "bold")}${value}`;
    return [
      ...identityLines(report, line),
      ...answerLines(findings, line),
      ...publicLines(findings, report, line),
      ...relayLines(findings.nostr?.relays ?? [], output),
      ...listLines(findings, output),
      ...schemaLines(findings, line),
    ].join("\n");
  });
}

function identityLines(report: ReturnType<typeof reportOf>, line: Line): readonly string[] {
  const { server, npub, nprofile } = report;
  const own = [server?.name, server?.version].filter((part) => typeof part === "string").join(" ");
  return [
    line("server", sanitizeLine(report.name ?? textOf(server?.title) ?? (own || "unnamed"), 200)),
    line("software", own === "" ? "unknown" : sanitizeLine(own, 200)),
    ...(npub === undefined ? [] : [line("npub", npub), line("nprofile", nprofile ?? "")]),
    ...(textOf(report.website) ? [line("website", sanitizeLine(report.website ?? "", 200))] : []),
  ];
}

function answerLines({ answers, failure, nostr }: Findings, line: Line): readonly string[] {
  if (answers === undefined) {
    const reason = failure instanceof Error ? failure.message : String(failure);
    return [line("answers", `no: ${sanitizeLine(reason, 500)}`)];
  }
  const { handshakeMs, latency, instructions } = answers;
  const capabilities = Object.keys(answers.capabilities).map((name) => sanitizeLine(name, 40));
  return [
    line("handshake", `${handshakeMs} ms`),
    ...(latency === undefined ? [] : [line("ping", pingText(latency))]),
    ...(nostr === undefined ? [] : [
      line("messages", nostr.wrap === "plain" ? "plain text" : `gift wraps of kind ${nostr.wrap}`),
      line("engine", nostr.engine),
    ]),
    line("capabilities", capabilities.join(", ") || "none"),
    ...(instructions === null ? [] : [line("instructions", sanitizeLine(instructions, 300))]),
  ];
}

function publicLines(
  { nostr }: Findings,
  { supports = [], payments = [], prices = [] }: ReturnType<typeof reportOf>,
  line: Line,
): readonly string[] {
  if (nostr === undefined) return [];
  const features = supports.map((flag) => FEATURES.get(flag) ?? sanitizeLine(flag, 60));
  const said = [
    line("supports", sanitizeLine(features.join(", "), 500) || "nothing that it says"),
    ...(payments.length === 0 ? [] : [line("payments", sanitizeLine(payments.join(", "), 200))]),
    ...prices.slice(0, MAX_PRICES).map((price) => line("price", priceText(price))),
    ...(prices.length > MAX_PRICES ? [line("", `and ${prices.length - MAX_PRICES} more`)] : []),
  ];
  const { record } = nostr;
  if (record === undefined) return [...said, line("public", "no relay could be asked")];
  const { announcement, profile, relayList, categories } = record.description;
  const { reviews } = record;
  const metadata = profile?.metadata ?? {};
  const who = [metadata.display_name ?? metadata.name, metadata.about, metadata.website]
    .filter((text) => typeof text === "string");
  const nip05 = metadata.nip05 === undefined ? [] : [`${metadata.nip05} (not verified)`];
  const opinions = reviews === undefined
    ? "no relay told"
    : `${reviews.reviews}${reviews.more ? " or more" : ""}, with ${reviews.replies} replies`;
  return [
    ...said,
    line(
      "announcement",
      announcement === undefined ? "none on these relays" : sanitizeLine(
        [ageText(announcement.event.created_at), announcement.about].filter(Boolean).join(": "),
        300,
      ),
    ),
    ...(categories.length === 0
      ? []
      : [line("categories", sanitizeLine(categories.join(", "), 200))]),
    line(
      "relay list",
      relayList === undefined ? "none on these relays" : ageText(relayList.event.created_at),
    ),
    line("profile", sanitizeLine([...who, ...nip05].join("; "), 300) || "none"),
    line("reviews", opinions),
  ];
}

function priceText({ capability, min, max, unit }: Price): string {
  return sanitizeLine(`${capability}: ${min === max ? min : `${min}-${max}`} ${unit}`, 200);
}

function relayLines(relays: readonly RelayFinding[], output: Output): readonly string[] {
  return relays.flatMap((relay) => {
    const { reachable, connectMs, error, info, clockSkewSeconds: skew, latency } = relay;
    const roles = [...(relay.inUse ? ["in use"] : []), ...(relay.listed ? ["listed"] : [])];
    const head = `${output.style("relay".padEnd(14), "bold")}${relay.url}  ${roles.join(", ")}`;
    if (!reachable) return [`${head}  does not answer: ${sanitizeLine(error ?? "", 200)}`];
    const software = [info?.name, info?.software, info?.version].filter(Boolean).join(" ");
    const limits = Object.entries(info?.limitation ?? {}).map(([name, value]) =>
      `${name} ${value}`
    );
    return [
      `${head}  connected in ${connectMs} ms`,
      ...(latency === undefined ? [] : [`  ping          ${pingText(latency)}`]),
      `  software      ${sanitizeLine(software, 200) || "it does not say (no NIP-11)"}`,
      ...(limits.length === 0 ? [] : [`  limits        ${sanitizeLine(limits.join(", "), 300)}`]),
      `  clock         ${clockText(skew)}`,
      `  AUTH          ${authText(relay)}`,
      `  kind 21059    ${abilityText(relay.ephemeralWraps, "taken and delivered")}`,
      `  kind 1059     ${abilityText(relay.storedWraps, "may be read")}`,
    ];
  });
}

function clockText(skew: number | null): string {
  if (skew === null) return "it does not say";
  if (Math.abs(skew) <= 2) return "right";
  return `${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} ours`;
}

function authText({ authenticated, info }: RelayFinding): string {
  if (authenticated) return "asked for, and it accepts our key";
  return info?.limitation?.auth_required ? "required, and not done" : "not asked for";
}

function abilityText(ability: Ability | null, good: string): string {
  if (ability === null) return "not tried";
  if (!ability.ok) return sanitizeLine(`no: ${ability.reason ?? "no reason given"}`, 200);
  return `${good}, ${ability.ms} ms`;
}

function listLines({ answers }: Findings, output: Output): readonly string[] {
  const names: readonly ListName[] = ["tools", "resources", "templates", "prompts"];
  return names.flatMap((name) => {
    const items = answers?.lists[name] ?? [];
    const shown = items.slice(0, MAX_SHOWN).map((item) => `  ${itemLine(name, item)}`);
    const rest = items.length - shown.length;
    return [
      `${output.style(name.padEnd(14), "bold")}${items.length}`,
      ...shown,
      ...(rest > 0 ? [`  and ${rest} more: cvm inspect SERVER ${name}`] : []),
    ];
  });
}

function schemaLines({ answers }: Findings, line: Line): readonly string[] {
  return claimsOf(answers?.lists.tools ?? []).map(({ tool, verdict, hash }) => {
    const name = sanitizeLine(tool, 60);
    if (verdict === "matches") return line("common schema", `${name}  matches ${hash}`);
    return line(
      "warning",
      `${name} does not have the common schema that it claims; don't trust it`,
    );
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
