/**
 * The text of a typed client module: a method for each tool of a server.
 *
 * @module
 */
import { sanitizeLine } from "../sanitize.ts";
import { comment, literal, Names } from "./literals.ts";
import { SchemaTypes } from "./schema_type.ts";

/** How each generated file begins: what does not is not overwritten. */
export const BANNER = "// Made by `cvm codegen`. Changes are lost when it is made again.\n";

/** A tool of a server, as the server describes it. */
export interface ToolDescription {
  /** Its name. */
  readonly name: string;
  /** What it is for. */
  readonly description?: string;
  /** The JSON Schema of its arguments. */
  readonly inputSchema?: unknown;
  /** The JSON Schema of its structured results. */
  readonly outputSchema?: unknown;
}

/** What a client is generated from. */
export interface ClientModuleOptions {
  /** The server's address. */
  readonly address: string;
  /** What the server calls itself. */
  readonly title: string;
  /** Its tools. */
  readonly tools: readonly ToolDescription[];
}

const RUNTIME = `/** Calls tools: any MCP client, connected. */
export interface ToolCaller {
  callTool(params: {
    readonly name: string;
    readonly arguments?: Record<string, unknown>;
  }): Promise<unknown>;
}

/** A part of what a tool answers. */
export interface ToolContent {
  readonly type: string;
  readonly text?: string;
  readonly data?: string;
  readonly mimeType?: string;
  readonly [key: string]: unknown;
}

/** What a tool answers. */
export interface ToolResult<Output> {
  readonly content: readonly ToolContent[];
  readonly structuredContent: Output;
}

/** A tool ran and reported a failure, or its answer is none. */
export class ToolFailed extends Error {
  /** The name of the tool. */
  readonly tool: string;
  /** What it answered. */
  readonly result: unknown;

  constructor(tool: string, message: string, result: unknown) {
    super(message);
    this.name = "ToolFailed";
    this.tool = tool;
    this.result = result;
  }
}

async function call<Output>(
  caller: ToolCaller,
  tool: { readonly name: string; readonly isStructured: boolean },
  input: unknown,
): Promise<ToolResult<Output>> {
  const args = { ...input as Record<string, unknown> };
  const result = await caller.callTool({ name: tool.name, arguments: args });
  const { content = [], structuredContent, isError } = result as Partial<ToolResult<Output>> & {
    readonly isError?: boolean;
  };
  if (isError === true) {
    const text = content.flatMap((part) => typeof part.text === "string" ? [part.text] : []);
    throw new ToolFailed(tool.name, text.join("\\n") || "the tool reports an error", result);
  }
  if (tool.isStructured && structuredContent === undefined) {
    throw new ToolFailed(tool.name, "the answer has no structured content", result);
  }
  return { content, structuredContent: structuredContent as Output };
}
`;

/**
 * Writes the module. The same server makes the same text: tools and
 * properties are in the order of their names.
 *
 * @returns TypeScript, with nothing of the server's in it but types, texts and comments.
 */
export function clientModule({ address, title, tools }: ClientModuleOptions): string {
  const types = new Names();
  for (const name of ["ToolCaller", "ToolContent", "ToolResult", "ToolFailed", "Tools", "SERVER"]) {
    types.make(name, "type");
  }
  const methods = new Names();
  const declarations: string[] = [];
  const members: string[] = [];
  const sorted = [...tools].sort((one, other) => one.name < other.name ? -1 : 1);
  for (const tool of sorted) {
    const declare = (schema: unknown, what: "Input" | "Output") => {
      const name = types.make(`${tool.name} ${what}`, "type");
      const parts = new SchemaTypes(schema, { names: types, prefix: name });
      const type = parts.type();
      const about = `What the tool ${tool.name} ${what === "Input" ? "takes" : "answers"}.`;
      declarations.push(
        ...parts.declarations,
        `${comment(sanitizeLine(about))}export type ${name} = ${type};\n`,
      );
      return { name, isPlain: type.startsWith("{") };
    };
    const input = declare(tool.inputSchema ?? { type: "object" }, "Input");
    const isStructured = tool.outputSchema !== undefined;
    const output = isStructured ? declare(tool.outputSchema, "Output").name : "unknown";
    const isOptional = input.isPlain && !hasRequired(tool.inputSchema);
    const about = `${tool.description ?? ""}\n\nTool: ${sanitizeLine(tool.name)}`;
    members.push(
      `${comment(about, "  ")}  ${methods.make(tool.name, "method")}(input: ${input.name}${
        isOptional ? " = {}" : ""
      }): Promise<ToolResult<${output}>> {\n` +
        `    return call(this.#caller, { name: ${
          literal(tool.name)
        }, isStructured: ${isStructured} }, input);\n  }\n`,
    );
  }
  return [
    `${BANNER}// deno-fmt-ignore-file\n// deno-lint-ignore-file\n`,
    `${comment(`The server ${sanitizeLine(title, 200)}: where it is.`)}export const SERVER = ${
      literal(address)
    };\n`,
    RUNTIME,
    ...declarations,
    `${comment(`The tools of ${sanitizeLine(title, 200)}.`)}export class Tools {\n` +
    `  readonly #caller: ToolCaller;\n\n` +
    `  /** @param caller An MCP client that is connected to the server. */\n` +
    `  constructor(caller: ToolCaller) {\n    this.#caller = caller;\n  }\n` +
    members.map((member) => `\n${member}`).join("") + `}\n`,
  ].join("\n");
}

function hasRequired(schema: unknown): boolean {
  return typeof schema === "object" && schema !== null && "required" in schema &&
    Array.isArray(schema.required) && schema.required.length > 0;
}
