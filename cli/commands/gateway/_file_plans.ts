/**
 * What a gateway is to run from a file of servers: each with a key of its own,
 * or all of them under one.
 *
 * @module
 */
import { CvmError } from "../../../errors.ts";
import { filterTools, type OpenUpstream } from "../../../transport/gateway.ts";
import { parseAllowed } from "../../allow_option.ts";
import { didYouMean } from "../../did_you_mean.ts";
import { entryKeySources, offerOf } from "../../entry_offer.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { loadOrCreateKey } from "../../key_store.ts";
import { nameOfServersFile, serversKeyFile } from "../../paths.ts";
import { readProfile } from "../../profile_file.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { readServersFile, type ServerEntry } from "../../servers_file.ts";
import { toolsOf } from "../../tool_choice.ts";
import type { GatewayArguments } from "./command.ts";
import type { Journal } from "./_journal.ts";
import type { GatewayPlan } from "./_plan.ts";
import { openEntry } from "./_targets.ts";

/** Options about one process or endpoint, which have their place in the file when there is one. */
const OF_ONE_TARGET = {
  cwd: "--cwd",
  env: "--env",
  envFile: "--env-file",
  header: "--header",
  bearerFile: "--bearer-file",
} as const satisfies Partial<Record<keyof GatewayArguments, string>>;

/** Options about one key. */
const OF_ONE_KEY = {
  name: "--name",
  about: "--about",
  website: "--website",
  picture: "--picture",
  profile: "--profile",
  keyFile: "--key-file",
} as const satisfies Partial<Record<keyof GatewayArguments, string>>;

/** Options about tools whose names are their own: those of servers under one key have a prefix. */
const OF_OWN_NAMES = {
  commonSchema: "--common-schema",
  category: "--category",
} as const satisfies Partial<Record<keyof GatewayArguments, string>>;

/** What the plans of a file are made from. */
interface FileContext {
  readonly file: string;
  readonly io: CliIo;
  readonly journal: Journal;
}

/** An entry that can't be used. */
interface BadEntry {
  readonly name: string;
  readonly error: Error;
}

/**
 * Makes the plans of a file.
 *
 * @throws {UsageError} When options do not fit together.
 * @throws {InputError} When the file, or each of its servers, can't be used.
 */
export async function planFile(
  args: GatewayArguments,
  context: FileContext,
): Promise<readonly GatewayPlan[]> {
  checkOptions(args);
  const { file, io, journal } = context;
  const isOneKey = args.oneKey;
  const { entries, problems, disabled } = await readServersFile(file, io.env, { isOneKey });
  const names = [...entries, ...problems].map(({ name }) => name).concat(disabled);
  for (const wanted of args.target) {
    if (names.includes(wanted)) continue;
    throw new UsageError(
      `${file} has no server "${sanitizeLine(wanted, 80)}"${didYouMean(wanted, names)}`,
    );
  }
  const isWanted = ({ name }: { readonly name: string }) =>
    args.target.length === 0 || args.target.includes(name);
  const bad: BadEntry[] = problems.filter(isWanted);
  const wanted = entries.filter(isWanted);
  const plans = isOneKey
    ? await planTogether(wanted, args, { ...context, bad })
    : await planEach(wanted, args, { ...context, bad });
  if (plans.length === 0) {
    throw bad[0]?.error ?? new UsageError(`${file} has no server that is to be run`);
  }
  for (const { name, error } of bad) {
    journal.warn(`${error.message}; this server is left out`, { server: name });
  }
  return plans;
}

function checkOptions(args: GatewayArguments): void {
  for (const key of args.allow) parseAllowed(key);
  const inFile = "is about one server; with --servers it stands in the file";
  refuse(args, OF_ONE_TARGET, inFile);
  if (args.oneKey) {
    const why =
      "is about tools with names of their own; with --one-key the names of servers stand before them";
    return refuse(args, OF_OWN_NAMES, why);
  }
  refuse(args, OF_OWN_NAMES, inFile);
  refuse(args, OF_ONE_KEY, `${inFile}, or all of them are one with --one-key`);
}

function refuse(
  args: GatewayArguments,
  options: Readonly<Partial<Record<keyof GatewayArguments, string>>>,
  why: string,
): void {
  for (const [key, option] of Object.entries(options)) {
    const value = args[key as keyof GatewayArguments];
    const isGiven = Array.isArray(value) ? value.length > 0 : value !== undefined;
    if (isGiven) throw new UsageError(`${option} ${why}`);
  }
}

/** A plan for each entry. */
async function planEach(
  entries: readonly ServerEntry[],
  args: GatewayArguments,
  context: FileContext & { readonly bad: BadEntry[] },
): Promise<readonly GatewayPlan[]> {
  const plans: GatewayPlan[] = [];
  for (const entry of entries) {
    await orLeaveOut(entry, context.bad, async () => {
      const plan = await planEntry(entry, args, context);
      const twin = plans.find(({ key }) => key.signer.pubkey === plan.key.signer.pubkey);
      if (twin !== undefined) {
        throw new UsageError(
          `its key is that of "${twin.label}"; with --one-key several servers share one`,
        );
      }
      plans.push(plan);
    });
  }
  return plans;
}

/** One plan for all entries: none when there are none, unless only the key is needed. */
async function planTogether(
  entries: readonly ServerEntry[],
  args: GatewayArguments,
  { file, io, journal, bad }: FileContext & { readonly bad: BadEntry[] },
): Promise<readonly GatewayPlan[]> {
  const upstream: Record<string, OpenUpstream> = {};
  for (const entry of entries) {
    await orLeaveOut(entry, bad, async () => {
      const { name, settings } = entry;
      const open = await openEntry(entry, { label: name, cleanEnv: args.cleanEnv, io, journal });
      const tools = toolsOf({
        tool: settings.tools ?? [],
        denyTool: settings.denyTools,
        isClosed: settings.tools !== undefined,
      });
      upstream[name] = tools === undefined ? open : async () => filterTools(await open(), tools);
    });
  }
  if (Object.keys(upstream).length === 0 && !args.deleteAnnouncement) return [];
  const { name, about, website, picture, announce, perClient } = args;
  const { passwordFile, connectTimeoutMs } = args;
  const profile = await readProfile(args.profile);
  return [{
    label: nameOfServersFile(file),
    upstream,
    key: await loadOrCreateKey({
      file: args.keyFile,
      defaultFile: () => serversKeyFile(file, io.env),
      io,
      passwordFile,
      connectTimeoutMs,
    }),
    info: { name, about, website, picture },
    profile,
    commonSchemas: { tools: [] }, // they go by names that these tools do not have
    allow: args.allow.length > 0 ? args.allow.map(parseAllowed) : undefined,
    tools: toolsOf(args),
    announce,
    perClient,
  }];
}

async function planEntry(
  entry: ServerEntry,
  args: GatewayArguments,
  { file, io, journal }: FileContext,
): Promise<GatewayPlan> {
  const { name, settings } = entry;
  const allow = [...args.allow.map(parseAllowed), ...settings.allow ?? []];
  const label = sanitizeLine(name, 64);
  const offer = await offerOf(entry, args); // before a key is made
  return {
    ...offer,
    label,
    upstream: await openEntry(entry, { label, cleanEnv: args.cleanEnv, io, journal }),
    key: await loadOrCreateKey({
      ...entryKeySources(entry, { file, io }),
      passwordFile: args.passwordFile,
      connectTimeoutMs: args.connectTimeoutMs,
    }),
    allow: args.allow.length > 0 || settings.allow !== undefined ? allow : undefined,
    announce: settings.announce ?? args.announce,
    perClient: settings.perClient ?? args.perClient,
  };
}

/** Plans an entry; what is wrong with it stands in nobody's way. */
async function orLeaveOut(
  { name }: ServerEntry,
  bad: BadEntry[],
  plan: () => Promise<void>,
): Promise<void> {
  try {
    await plan();
  } catch (error) {
    if (!(error instanceof CvmError || error instanceof UsageError)) throw error;
    bad.push({ name, error });
  }
}
