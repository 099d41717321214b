/**
 * The questions of `cvm inspect` other than calls: lists, schemas, resources,
 * prompts, completions, pings, and anything raw.
 *
 * @module
 */
import { CvmError } from "../../../errors.ts";
import { toolSchemaHash } from "../../../transport/discovery/common_schema.ts";
import { UsageError } from "../../exit_codes.ts";
import { sanitizeLine, sanitizeText, toSafeJson } from "../../sanitize.ts";
import { readInput } from "../../text_input.ts";
import { parseCallArguments, parseJson } from "./arguments.ts";
import { type CallContext, callTool } from "./call.ts";
import { ContentFiles, contentText } from "./content.ts";
import { isObject } from "./json_schema.ts";
import { type Item, type ListName, nameOf } from "./mcp_session.ts";
import { measurePings, pingText } from "./pings.ts";
import { promptSignature, toolSignature } from "./signature.ts";

/** What a request works with. */
export interface RequestContext extends CallContext {
  /** How many pings are sent. */
  readonly pings: number;
}

/** Does what a subcommand asks for, and prints what comes of it. */
export async function runRequest(
  what: string,
  words: readonly string[],
  context: RequestContext,
): Promise<void> {
  const [first = "", ...rest] = words;
  switch (what) {
    case "tools":
    case "resources":
    case "templates":
    case "prompts":
      return await list(what, context);
    case "schema":
      return await showSchema(first, context);
    case "call":
      return await callTool(words, context);
    case "read":
      return await read(first, context);
    case "get":
      return await getPrompt(first, rest, context);
    case "complete":
      return await complete(words, context);
    case "ping":
      return await ping(context);
    case "raw":
      return await raw(first, rest[0], context);
  }
}

async function list(which: ListName, { session, output }: RequestContext): Promise<void> {
  const items = await session.list(which);
  await output.list(items, () => items.map((item) => itemLine(which, item)).join("\n"));
}

/** One line for an entry of a list: how it is used, and what it is for. */
export function itemLine(which: ListName, item: Item): string {
  const { description, title, uri, uriTemplate } = item;
  const about = [description, title].find((text) => typeof text === "string" && text !== "");
  const address = uri ?? uriTemplate;
  const head = which === "tools"
    ? toolSignature(item)
    : which === "prompts"
    ? promptSignature(item)
    : sanitizeLine(typeof address === "string" ? address : nameOf(item), 200);
  const name = typeof address === "string" && address !== item.name ? [nameOf(item)] : [];
  const text = [...name, ...(typeof about === "string" ? [about] : [])].join(": ");
  return text === "" ? head : `${head}  ${sanitizeLine(text, 160)}`;
}

async function showSchema(name: string, { session, output }: RequestContext): Promise<void> {
  const { inputSchema, outputSchema } = await session.find("tools", name);
  let hash: string | null = null;
  try {
    hash = toolSchemaHash({ name, inputSchema, outputSchema });
  } catch (error) {
    if (!(error instanceof CvmError)) throw error; // a schema without a hash is shown all the same
  }
  const shown = {
    name,
    inputSchema,
    ...(outputSchema === undefined ? {} : { outputSchema }),
    hash,
  };
  await output.result(shown, () => toSafeJson(shown, 2));
}

async function read(uri: string, { session, output, args }: RequestContext): Promise<void> {
  const result = await session.request("resources/read", { uri });
  if (!Array.isArray(result.contents)) return await output.result(result, () => "");
  const files = args.output === undefined
    ? undefined
    : new ContentFiles(args.output, uri.split("/").at(-1)?.split(".")[0] ?? "");
  const contents: unknown[] = [];
  for (const part of result.contents) contents.push(await files?.detach(part) ?? part);
  await output.result({ ...result, contents }, () => contentText(contents));
}

async function getPrompt(
  name: string,
  words: readonly string[],
  { session, output, io, args }: RequestContext,
): Promise<void> {
  const prompt = await session.find("prompts", name);
  const json = args.json === undefined ? undefined : await readInput(args.json, "--json", io);
  const given = parseCallArguments({ words, json, schema: promptSchema(prompt) });
  const texts = Object.fromEntries(
    Object.entries(given).map((
      [key, value],
    ) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
  const result = await session.request("prompts/get", { name, arguments: texts });
  await output.result(
    result,
    () =>
      Array.isArray(result.messages)
        ? result.messages.filter(isObject).map(({ role, content }) =>
          `${sanitizeLine(String(role), 20)}: ${contentText([content])}`
        ).join("\n")
        : "",
  );
}

/** The arguments of a prompt as a schema: all of them are texts. */
function promptSchema(prompt: Item): Readonly<Record<string, unknown>> {
  const given = Array.isArray(prompt.arguments) ? prompt.arguments.filter(isObject) : [];
  const named = given.filter(({ name }) => typeof name === "string");
  return {
    type: "object",
    properties: Object.fromEntries(named.map(({ name }) => [name, { type: "string" }])),
    required: named.filter(({ required }) => required === true).map(({ name }) => name),
  };
}

/** `complete REF ARGUMENT [VALUE] [key=value…]`: what could stand for an argument of a prompt or a URI template. */
async function complete(
  words: readonly string[],
  { session, output }: RequestContext,
): Promise<void> {
  const [reference = "", name = "", value = "", ...others] = words;
  const ref = /:\/\/|\{/.test(reference)
    ? { type: "ref/resource", uri: reference }
    : { type: "ref/prompt", name: reference };
  const known = parseCallArguments({ words: others, schema: {} });
  const result = await session.request("completion/complete", {
    ref,
    argument: { name, value },
    ...(others.length === 0 ? {} : { context: { arguments: known } }),
  });
  const { completion } = result;
  const values = isObject(completion) && Array.isArray(completion.values) ? completion.values : [];
  const texts = values.filter((one) => typeof one === "string");
  await output.list(texts, () => texts.map((text) => sanitizeLine(text)).join("\n"));
}

async function ping({ session, output, pings }: RequestContext): Promise<void> {
  const latency = await measurePings(async () => {
    await session.request("ping", undefined);
  }, { count: pings });
  const { error, ...numbers } = latency;
  if (error !== undefined) throw error;
  const shown = pings === 1 ? { roundTripMs: latency.p50Ms } : numbers;
  await output.result(shown, () => pingText(latency));
}

async function raw(
  method: string,
  text: string | undefined,
  { session, output, io }: RequestContext,
): Promise<void> {
  const json = text === undefined ? "{}" : await readInput(text, method, io);
  const params = parseJson(method, json);
  if (!isObject(params)) throw new UsageError("the parameters of a method are one JSON object");
  if (method.startsWith("notifications/")) {
    // Not through the client, which refuses what it has no use for itself.
    await session.client.transport?.send({ jsonrpc: "2.0", method, params });
    return await output.note("sent; a notification has no answer");
  }
  const result = await session.request(method, params);
  await output.result(result, () => sanitizeText(toSafeJson(result, 2)));
}
