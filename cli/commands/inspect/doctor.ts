/**
 * `cvm inspect SERVER doctor`: walks from the address to the answer, and says
 * at which step it breaks and what to do.
 *
 * @module
 */
import { formatNpub } from "../../../crypto/keys.ts";
import { RelayError } from "../../../errors.ts";
import { ageText } from "../../ages.ts";
import { poolOptions } from "../../connection.ts";
import type { CliIo } from "../../io.ts";
import { lookupRelays } from "../../lookup_relays.ts";
import { Output } from "../../output.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { adviceFor } from "./advice.ts";
import { fetchPublicRecord, type PublicRecord } from "./public_record.ts";
import { probeRelay, type RelayReport } from "./relay_probe.ts";
import { connectTarget, prepareTarget, type Target, type TargetArguments } from "./target.ts";

/** Relays that are tried. */
const MAX_RELAYS = 12;
/** Peers take messages from clocks that are off by so much, seconds. */
const MAX_SKEW = 300;

/** How one step went. */
export interface Step {
  /** What was looked at. */
  readonly step: string;
  /** Whether it is as it should be. */
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** What was found. */
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

type Found = Omit<Step, "step" | "status"> & { readonly status?: "ok" | "warning" };

/** Steps, one after the other; after one that fails, the others are skipped. */
class Checkup {
  readonly steps: Step[] = [];
  failure: unknown;
  readonly #io: CliIo;

  constructor(io: CliIo) {
    this.#io = io;
  }

  async run(step: string, look: () => Promise<Found> | Found): Promise<void> {
    if (this.failure !== undefined) {
      this.steps.push({ step, status: "skipped", detail: "" });
      return;
    }
    try {
      this.steps.push({ step, status: "ok", ...await look() });
    } catch (error) {
      this.#io.signal.throwIfAborted();
      this.failure = error;
      const detail = error instanceof Error ? error.message : String(error);
      this.steps.push({ step, status: "failed", detail, advice: adviceFor(error) });
    }
  }
}

/**
 * Walks through everything and prints what was found.
 *
 * @throws What the step that breaks has failed with.
 */
export async function runDoctor(
  args: TargetArguments & { readonly format: Output["format"] },
  server: string | undefined,
  io: CliIo,
): Promise<void> {
  const output = new Output(io, args.format);
  const checkup = new Checkup(io);
  const isOnNostr = server !== undefined && args.servers === undefined;
  let target: Target | undefined;
  await checkup.run(isOnNostr ? "address" : "target", async () => {
    target = await prepareTarget(args, server, io);
    const { publicKey, hints } = target.route?.server ?? {};
    if (publicKey === undefined) return { detail: target.label };
    const where = hints?.length ? `with relay hints ${hints.join(", ")}` : "without relay hints";
    return { detail: `${formatNpub(publicKey)}, ${where}` };
  });
  if (isOnNostr) await checkNostr(checkup, () => target, args, io);
  await checkup.run("server", async () => {
    if (target === undefined) throw new TypeError("there is no target");
    await using connected = await connectTarget(target, { io, timeoutMs: args.timeoutMs });
    const { session, handshakeMs } = connected;
    const started = performance.now();
    const tools = await session.list("tools");
    const answerMs = Math.round(performance.now() - started);
    const name = session.client.getServerVersion()?.name ?? "unknown";
    const wrap = target.nostr === undefined || target.nostr.wrap === "plain"
      ? ""
      : ` in gift wraps of kind ${target.nostr.wrap}`;
    return {
      detail: `${name} answers${wrap}: handshake ${
        Math.round(handshakeMs)
      } ms, ${tools.length} tools in ${answerMs} ms`,
    };
  });
  // What was prepared and not used is let go of.
  await target?.transport.close();
  await print(checkup, output);
  if (checkup.failure !== undefined) throw checkup.failure;
}

async function checkNostr(
  checkup: Checkup,
  target: () => Target | undefined,
  args: TargetArguments,
  io: CliIo,
): Promise<void> {
  let record: PublicRecord | undefined;
  let relays: readonly RelayReport[] = [];
  await checkup.run("key", () => {
    const key = target()?.route?.key;
    if (key === undefined) throw new TypeError("there is no key");
    const detail = `${formatNpub(key.signer.pubkey)} from ${key.source}`;
    return key.warning === undefined
      ? { detail: key.created ? `${detail} (new)` : detail }
      : { detail, status: "warning", advice: key.warning };
  });
  await checkup.run("relays", async () => {
    const route = target()?.route;
    if (route === undefined) throw new TypeError("there is no route");
    const { publicKey, hints } = route.server;
    const known = await lookupRelays(args, hints, io);
    record = await fetchPublicRecord(publicKey, known, { args, io });
    const listed = record?.description.relayList?.relays.map(({ url }) => url) ?? [];
    const near = args.relay.length > 0 ? args.relay : [...hints, ...listed];
    const urls = [...new Set(near.length > 0 ? near : known)].slice(0, MAX_RELAYS);
    relays = await Promise.all(urls.map((url) =>
      probeRelay(url, {
        signer: route.key.signer,
        pool: poolOptions(args),
        timeoutMs: args.connectTimeoutMs,
        fetch: io.fetch,
        signal: io.signal,
      })
    ));
    return describeRelays(relays);
  });
  await checkup.run("messages", () => describeMessages(relays));
  await checkup.run("clock", () => describeClock(relays));
  await checkup.run("announcement", () => describeAnnouncement(record, args));
}

function describeRelays(relays: readonly RelayReport[]): Found {
  const dead = relays.filter(({ reachable }) => !reachable);
  const failures = dead.map(({ url, error }) => ({ url, reason: error ?? "it can't be reached" }));
  if (dead.length === relays.length) {
    throw new RelayError("RELAY_UNREACHABLE", "none of the relays can be reached", failures);
  }
  const alive = relays.filter(({ reachable }) => reachable)
    .map(({ url, connectMs }) => `${url} connected in ${connectMs} ms`);
  if (dead.length === 0) return { detail: alive.join("; ") };
  return {
    detail: [...alive, ...failures.map(({ url, reason }) => `${url}: ${reason}`)].join("; "),
    status: "warning",
    advice: "some relays don't answer; that matters only if the server listens on no other",
  };
}

/** Whether messages get through, on one relay at least. */
function describeMessages(relays: readonly RelayReport[]): Found {
  const asked = relays.filter(({ reachable }) => reachable);
  const bad = asked.flatMap(({ url, ephemeralWraps }) =>
    ephemeralWraps?.ok ? [] : [{ url, reason: ephemeralWraps?.reason ?? "not tried" }]
  );
  if (bad.length === asked.length) {
    throw new RelayError("PUBLISH_REFUSED", "no relay passes ephemeral gift wraps on", bad);
  }
  const detail = asked.filter(({ ephemeralWraps }) => ephemeralWraps?.ok)
    .map(({ url, ephemeralWraps }) => `${url} delivers in ${ephemeralWraps?.ms} ms`);
  const stored = asked.filter(({ storedWraps }) => storedWraps?.ok === false);
  if (bad.length + stored.length === 0) return { detail: detail.join("; ") };
  return {
    detail: [
      ...detail,
      ...bad.map(({ url, reason }) => `${url} kind 21059: ${reason}`),
      ...stored.map(({ url, storedWraps }) => `${url} kind 1059: ${storedWraps?.reason}`),
    ].join("; "),
    status: "warning",
    advice: "servers that use only the kind that is refused can't be reached over that relay",
  };
}

function describeClock(relays: readonly RelayReport[]): Found {
  const told = relays.flatMap(({ url, clockSkewSeconds: skew }) =>
    skew === null ? [] : [{ url, skew }]
  );
  if (told.length === 0) return { detail: "no relay says what time it is" };
  const off = told.filter(({ skew }) => Math.abs(skew) > MAX_SKEW / 2);
  if (off.length === 0) {
    return {
      detail: `right within ${Math.max(...told.map(({ skew }) => Math.abs(skew)))} s`,
    };
  }
  const detail = off.map(({ url, skew }) => `${url} is ${skew} s ahead of this machine`).join("; ");
  const advice = off.length === told.length
    ? `set this machine's clock: messages that are off by more than ${MAX_SKEW} s are dropped`
    : "the clock of that relay is wrong; another one may do better";
  return { detail, status: "warning", advice };
}

function describeAnnouncement(
  record: PublicRecord | undefined,
  { encryption, giftWrap }: TargetArguments,
): Found {
  if (record === undefined) {
    return {
      detail: "no relay told whether there is one",
      status: "warning",
      advice: "nothing, if the server answers; else name relays that have its events with --relay",
    };
  }
  const { announcement } = record.description;
  if (announcement === undefined) {
    return {
      detail: "none was found; a private server has none",
      advice: "nothing, if it is private; else its operator can run the gateway with --announce",
    };
  }
  const { supportsEncryption, supportsEphemeral, event, name } = announcement;
  const detail = `${name ?? "unnamed"}, ${ageText(event.created_at)}, ${
    supportsEncryption ? "encryption" : "no encryption"
  }, ${supportsEphemeral ? "ephemeral gift wraps" : "no ephemeral gift wraps"}`;
  if (encryption === "required" && !supportsEncryption && !supportsEphemeral) {
    return { detail, status: "warning", advice: "use --encryption optional" };
  }
  if (giftWrap === "ephemeral" && !supportsEphemeral) {
    return { detail, status: "warning", advice: "use --gift-wrap optional" };
  }
  if (encryption === "disabled" && supportsEncryption) {
    return {
      detail,
      status: "warning",
      advice: "it may take nothing but encrypted messages: leave --encryption disabled out",
    };
  }
  return { detail };
}

async function print({ steps, failure }: Checkup, output: Output): Promise<void> {
  const colours = { ok: "green", warning: "yellow", failed: "red", skipped: "dim" } as const;
  await output.result(
    { ok: failure === undefined, steps },
    () =>
      steps.flatMap(({ step, status, detail, advice }) => [
        `${output.style(status.padEnd(8), colours[status])}${step.padEnd(14)}${
          sanitizeLine(detail, 600)
        }`,
        ...(advice === undefined ? [] : [`${" ".repeat(22)}→ ${sanitizeLine(advice, 300)}`]),
      ]).join("\n"),
  );
}
