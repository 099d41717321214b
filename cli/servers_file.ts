/**
 * MCP servers in the file format of MCP hosts: `mcpServers` of Claude, Cursor
 * and others, `servers` of VS Code.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { parsePublicKey } from "../crypto/keys.ts";
import { InputError } from "../errors.ts";
import { canBeginToolName } from "../transport/combine/combined.ts";
import { expandHostVariables } from "./host_variables.ts";
import type { Environment } from "./io.ts";
import { type JsonValue, readJsonFile } from "./json_document.ts";
import { findSimilar } from "@optique/core/suggestion";

/** The names under which hosts keep their servers. */
const ROOTS: readonly string[] = ["mcpServers", "servers"];

/** What hosts keep beside a server that means nothing to a gateway. */
const OF_HOSTS: readonly string[] = [
  "alwaysAllow",
  "autoApprove",
  "description",
  "dev",
  "gallery",
  "icon",
  "oauth",
  "timeout",
  "version",
];

const KNOWN: readonly string[] = [
  "type",
  "command",
  "args",
  "env",
  "envFile",
  "cwd",
  "url",
  "headers",
  "disabled",
  "disabledTools",
  "cvm",
  ...OF_HOSTS,
];

const OWN: readonly string[] = [
  "keyFile",
  "name",
  "about",
  "website",
  "picture",
  "profile",
  "commonSchemas",
  "categories",
  "announce",
  "perClient",
  "allow",
  "tools",
  "denyTools",
];

/** Those that say something of an entry's key. */
const OF_OWN_KEY: readonly string[] = OWN.filter((name) => !/tools$/i.test(name));

/** A process that speaks MCP over stdio. */
export interface ProcessTarget {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Variables of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Files of variables. */
  readonly envFiles: readonly string[];
  /** Its working directory. */
  readonly cwd?: string;
}

/** A Streamable HTTP endpoint. */
export interface HttpTarget {
  /** Where it is. */
  readonly url: URL;
  /** Headers of each request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What an entry says of itself under `cvm`. */
export interface EntrySettings {
  /** The file of its key. */
  readonly keyFile?: string;
  /** Its name, for people. */
  readonly name?: string;
  /** What it does. */
  readonly about?: string;
  /** Its website. */
  readonly website?: string;
  /** Its picture. */
  readonly picture?: string;
  /** The file of its profile. */
  readonly profile?: string;
  /** The tools that implement a common schema. */
  readonly commonSchemas?: readonly string[];
  /** What those are good for. */
  readonly categories?: readonly string[];
  /** Whether it is announced. */
  readonly announce?: boolean;
  /** Whether each client gets a server of its own. */
  readonly perClient?: boolean;
  /** Who may use it, hex. */
  readonly allow?: readonly string[];
  /** The tools that are offered. */
  readonly tools?: readonly string[];
  /** The tools that are not. */
  readonly denyTools: readonly string[];
}

/** A server of the file. */
export interface ServerEntry {
  /** What the file calls it. */
  readonly name: string;
  /** What is behind it. */
  readonly target: ProcessTarget | HttpTarget;
  /** What differs from the command line. */
  readonly settings: EntrySettings;
}

/** A file of servers. */
export interface ServersFile {
  /** The file. */
  readonly file: string;
  /** The servers that can be used. */
  readonly entries: readonly ServerEntry[];
  /** Why others can't. */
  readonly problems: readonly { readonly name: string; readonly error: InputError }[];
  /** Those that the file switches off. */
  readonly disabled: readonly string[];
}

/** What is to become of a file of servers. */
export interface ServersFileOptions {
  /**
   * Whether all of them are one server to clients.
   * @default {false}
   */
  readonly isOneKey?: boolean;
}

/**
 * Reads a file of servers. An entry that can't be used is told of and stands in
 * nobody's way.
 *
 * @throws {InputError} CONFIG_INVALID when the file can't be read, is no JSON, or has no servers.
 */
export async function readServersFile(
  file: string,
  env: Environment,
  { isOneKey = false }: ServersFileOptions = {},
): Promise<ServersFile> {
  const root = (await readJsonFile(file)).fields();
  const found = ROOTS.flatMap((name) => root.get(name) ?? []);
  const [servers, second] = found;
  if (servers === undefined) {
    const near = [...root.keys()].find((name) => findSimilar(name, ROOTS).length > 0);
    const what = `has neither "mcpServers" nor "servers"`;
    throw near === undefined
      ? new InputError("CONFIG_INVALID", `${file}: ${what}`)
      : root.get(near)!.error(`is unknown, and the file ${what}`);
  }
  if (second !== undefined) throw second.error(`stands beside "mcpServers"; one of them is enough`);
  const entries: ServerEntry[] = [];
  const problems: { name: string; error: InputError }[] = [];
  const disabled: string[] = [];
  for (const [name, value] of servers.fields()) {
    try {
      if (value.fields().get("disabled")?.flag() === true) disabled.push(name);
      else {
        if (isOneKey) checkForOneKey(name, value);
        entries.push(readEntry(name, value, env));
      }
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push({ name, error });
    }
  }
  return { file, entries, problems, disabled };
}

/** An entry that is one server with others has a name that its tools can begin with, and no key. */
function checkForOneKey(name: string, value: JsonValue): void {
  if (!canBeginToolName(name)) {
    throw value.error(
      'needs another name with --one-key, since its tools begin with it: up to 32 letters, digits, "-" and single "_"',
    );
  }
  for (const [setting, field] of value.fields().get("cvm")?.fields() ?? []) {
    if (!OF_OWN_KEY.includes(setting)) continue;
    throw field.error("is about a key of its own; with --one-key all servers have one");
  }
}

function readEntry(name: string, value: JsonValue, env: Environment): ServerEntry {
  if (!/^[^\p{C}]{1,64}$/u.test(name)) {
    throw value.error("needs a name of 1 to 64 printable characters");
  }
  const fields = value.knownFields(KNOWN);
  const own = fields.get("cvm")?.knownFields(OWN) ?? new Map<string, JsonValue>();
  const read = new Reader(value.file, env);
  const settings: EntrySettings = {
    keyFile: read.path(own.get("keyFile")),
    name: own.get("name")?.text(),
    about: own.get("about")?.text(),
    website: own.get("website")?.text(),
    picture: own.get("picture")?.text(),
    profile: read.path(own.get("profile")),
    commonSchemas: read.texts(own.get("commonSchemas")),
    categories: read.texts(own.get("categories")),
    announce: own.get("announce")?.flag(),
    perClient: own.get("perClient")?.flag(),
    allow: read.keys(own.get("allow")),
    tools: read.texts(own.get("tools")),
    denyTools: [
      ...read.texts(own.get("denyTools")) ?? [],
      // Who switched a tool off for a host did not mean to offer it to the world.
      ...read.texts(fields.get("disabledTools")) ?? [],
    ],
  };
  return { name, target: readTarget(value, fields, read), settings };
}

function readTarget(
  entry: JsonValue,
  fields: ReadonlyMap<string, JsonValue>,
  read: Reader,
): ProcessTarget | HttpTarget {
  const command = fields.get("command");
  const url = fields.get("url");
  checkType(fields.get("type"), command !== undefined);
  if (command !== undefined && url !== undefined) {
    throw url.error("stands beside a command; an entry has one of them");
  }
  const foreign = command !== undefined ? ["headers"] : ["args", "env", "envFile", "cwd"];
  for (const name of foreign) {
    const field = fields.get(name);
    if (field !== undefined) throw field.error(`needs a ${command ? "url" : "command"}`);
  }
  if (url !== undefined) {
    const parsed = URL.parse(read.text(url));
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
      throw url.error("must be a URL that begins with http:// or https://");
    }
    return { url: parsed, headers: read.headers(fields.get("headers")) };
  }
  if (command === undefined) throw entry.error(`needs a "command" or a "url"`);
  return {
    command: read.word(command),
    args: fields.get("args")?.items().map((arg) => read.text(arg)) ?? [],
    env: read.variables(fields.get("env")),
    envFiles: fields.has("envFile") ? [read.path(fields.get("envFile"))!] : [],
    cwd: read.path(fields.get("cwd")),
  };
}

function checkType(type: JsonValue | undefined, isProcess: boolean): void {
  const text = type?.text();
  if (type === undefined || text === undefined) return;
  if (text === "sse") {
    throw type.error("the old HTTP transport with SSE is not spoken; does the server speak http?");
  }
  const names = isProcess ? ["stdio"] : ["http", "streamable-http", "streamableHttp"];
  if (!names.includes(text)) throw type.error(`must be ${names[0]} here`);
}

/** Reads values with `${NAME}` in them. */
class Reader {
  readonly #folder: string;
  readonly #env: Environment;

  constructor(file: string, env: Environment) {
    this.#folder = dirname(resolve(file));
    this.#env = env;
  }

  text(value: JsonValue): string {
    try {
      return expandHostVariables(value.text(), this.#env);
    } catch (error) {
      if (error instanceof RangeError) throw value.error(error.message);
      throw error;
    }
  }

  word(value: JsonValue): string {
    const text = this.text(value);
    if (text.trim() === "") throw value.error("must not be empty");
    return text;
  }

  /** A path, from the folder of the file. */
  path(value: JsonValue | undefined): string | undefined {
    return value === undefined ? undefined : resolve(this.#folder, this.word(value));
  }

  texts(value: JsonValue | undefined): readonly string[] | undefined {
    return value?.items().map((item) => this.text(item));
  }

  keys(value: JsonValue | undefined): readonly string[] | undefined {
    return value?.items().map((item) => {
      const key = this.text(item);
      try {
        return parsePublicKey(key);
      } catch (cause) {
        if (!(cause instanceof InputError)) throw cause;
        throw item.error(/^\s*nsec/i.test(key) ? "is a private key" : `: ${cause.message}`);
      }
    });
  }

  variables(value: JsonValue | undefined): Record<string, string> {
    const variables: Record<string, string> = {};
    for (const [name, field] of value?.fields() ?? []) {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw field.error("is no name of a variable");
      variables[name] = this.text(field);
    }
    return variables;
  }

  headers(value: JsonValue | undefined): Record<string, string> {
    const headers: Record<string, string> = {};
    for (const [name, field] of value?.fields() ?? []) {
      headers[name] = this.text(field);
      if (!isHeader(name, headers[name])) throw field.error("is no HTTP header");
    }
    return headers;
  }
}

/** Whether an HTTP header can be sent. */
export function isHeader(name: string, value: string): boolean {
  // deno-lint-ignore no-control-regex -- control characters are what a header must not have
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !/[\x00-\x08\x0a-\x1f\x7f]/.test(value);
}
