import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AllowFile, parseAllowlist } from "../../../cli/allow_file.ts";
import { formatNpub, PrivateKeySigner } from "../../../crypto/mod.ts";
import { InputError } from "../../../errors.ts";
import { temporaryFolder, until } from "../helpers.ts";

const ONE = PrivateKeySigner.generate().pubkey;
const OTHER = PrivateKeySigner.generate().pubkey;

Deno.test("parseAllowlist() takes keys in any form, comments and empty lines, and says where a line is wrong", () => {
  const text = `\ufeff# friends\r\n${formatNpub(ONE)}  # one\r\n\n  ${OTHER.toUpperCase()}\n`;
  assertEquals([...parseAllowlist(text, "f")], [ONE, OTHER]);
  assertEquals(parseAllowlist("", "f").size, 0);
  assertThrows(() => parseAllowlist(`${ONE}\n  npub1x\n`, "f"), InputError, "f:2:3: ");
  const error = assertThrows(() => parseAllowlist("nsec1secret", "f"), InputError, "f:1:1: ");
  assertEquals(error.message.includes("secret"), false);
});

Deno.test("AllowFile follows its file; a broken or missing one changes nothing and is told of once", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/allow`;
  await assertRejects(
    () => AllowFile.open(path, { onChange: () => {}, onError: () => {} }),
    InputError,
    "can't be read",
  );
  await Deno.writeTextFile(path, ONE);
  const sizes: number[] = [];
  const errors: string[] = [];
  await using file = await AllowFile.open(path, {
    pollMs: 5,
    onChange: (size) => void sizes.push(size),
    onError: ({ message }) => void errors.push(message),
  });
  assertEquals([file.has(ONE), file.has(OTHER)], [true, false]);
  // As editors do it: a new file in the place of the old one.
  await Deno.writeTextFile(`${path}.new`, `${ONE}\n${OTHER}`);
  await Deno.rename(`${path}.new`, path);
  await until(() => file.has(OTHER));
  assertEquals(sizes, [2]);
  await Deno.writeTextFile(path, "no key at all");
  await until(() => errors.length === 1);
  assertEquals([file.has(ONE), file.has(OTHER)], [true, true]);
  await Deno.remove(path);
  await until(() => errors.length === 2);
  await file.reload();
  assertEquals([file.size, errors.length], [2, 3]);
  await Deno.writeTextFile(path, OTHER);
  await until(() => !file.has(ONE));
  assertEquals(file.has(OTHER), true);
});
