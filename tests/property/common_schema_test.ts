import { assertEquals } from "@std/assert";
import { computeCommonSchemaHash } from "@contextvm/sdk/core";
import fc from "fast-check";
import { toolSchemaHash } from "../../transport/discovery/common_schema.ts";

const KEYS = [
  "type",
  "properties",
  "items",
  "anyOf",
  "required",
  "const",
  "$comment",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "x-vendor",
  "x",
];

/** JSON that looks like a schema, and like what a stranger makes of one. */
const schema = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    tie("object"),
  ),
  object: fc.dictionary(
    fc.oneof(fc.constantFrom(...KEYS), fc.string().filter((key) => key !== "__proto__")),
    tie("value"),
    { maxKeys: 6, noNullPrototype: true },
  ),
})).object.map((value): Record<string, unknown> => JSON.parse(JSON.stringify(value)));

Deno.test("CEP15-1: toolSchemaHash() agrees with @contextvm/sdk on any schema", () => {
  fc.assert(
    fc.property(
      fc.string(),
      schema,
      fc.option(schema, { nil: undefined }),
      (name, input, output) => {
        const theirs = computeCommonSchemaHash({
          name,
          inputSchema: { ...input, type: "object" },
          outputSchema: output && { ...output, type: "object" },
        });
        const ours = toolSchemaHash({
          name,
          inputSchema: { ...input, type: "object" },
          outputSchema: output && { ...output, type: "object" },
        });
        assertEquals(ours, theirs);
      },
    ),
    { numRuns: 500 },
  );
});
