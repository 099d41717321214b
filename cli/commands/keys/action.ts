/**
 * `cvm keys`: makes keys, keeps them and shows them in all their forms.
 *
 * @module
 */
import { generateKey, getPublicKey } from "../../../crypto/mod.ts";
import { formatNprofile, formatNpub, formatNsec, parsePublicKey } from "../../../crypto/keys.ts";
import { InputError } from "../../../errors.ts";
import { parseBunkerAddress } from "../../../transport/signer/bunker_address.ts";
import { normalizeRelayUrl } from "../../../transport/relay/url.ts";
import { encryptKey, isEncryptedKey } from "../../encrypted_key.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import {
  findKeyText,
  isBunker,
  type KeyText,
  loadKey,
  privateKeyOf,
  readKeyFile,
  replaceKeyFile,
  writeNewKeyFile,
} from "../../key_store.ts";
import { Output } from "../../output.ts";
import { clientKeyFile } from "../../paths.ts";
import type {
  KeysArguments,
  KeysConvertArguments,
  KeysGenerateArguments,
  KeysImportArguments,
  KeysShowArguments,
} from "./command.ts";

/** A longer input holds something else than a key, in characters. */
const MAX_INPUT_LENGTH = 4_096;

/** Does what was asked for. */
export async function runKeys(args: KeysArguments, io: CliIo): Promise<void> {
  switch (args.command) {
    case "keys generate":
      return await generate(args, io);
    case "keys show":
      return await show(args, io);
    case "keys import":
      return await importKey(args, io);
    default:
      return await convert(args, io);
  }
}

/** Makes a key, in a file or on standard output. */
async function generate(args: KeysGenerateArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  const key = generateKey();
  const publicKey = getPublicKey(key);
  const npub = formatNpub(publicKey);
  const file = args.keyFile ?? clientKeyFile(io.env);
  const what = args.print ? "the new key" : `the key file ${file}`;
  const { passwordFile } = args;
  const text = args.encrypt ? await encryptKey(key, { io, passwordFile, what }) : formatNsec(key);
  if (args.print) {
    await output.note(`npub: ${npub}`);
    const name = args.encrypt ? "ncryptsec" : "nsec";
    return await output.result({ [name]: text, npub }, () => text);
  }
  await writeNewKeyFile(file, text);
  await output.note(`the private key is in ${file}`);
  await output.result({ npub, publicKey, file }, () => npub);
}

/** Shows a key in all its forms. */
async function show(args: KeysShowArguments, io: CliIo): Promise<void> {
  const { key, keyFile, secret } = args;
  if (key !== undefined && (keyFile !== undefined || secret)) {
    throw new UsageError("a public key needs neither --key-file nor --secret");
  }
  if (key !== undefined && /^\s*(nostr:)?(nsec1|ncryptsec1|bunker:)/i.test(key)) {
    throw new UsageError(
      "a private key was given on the command line, where other programs can read it; " +
        "put it in a file or pipe it in: cvm keys show --key-file -",
    );
  }
  const forms = key === undefined
    ? await formsOfOwnKey(args, io)
    : formsOf(parsePublicKey(key), args.relay);
  await new Output(io, args.format).result(
    forms,
    () => Object.entries(forms).map(([name, value]) => `${name.padEnd(9)}${value}`).join("\n"),
  );
}

async function formsOfOwnKey(
  args: KeysShowArguments,
  io: CliIo,
): Promise<Record<string, string>> {
  const { keyFile: file, passwordFile, secret, relay } = args;
  const sources = { file, defaultFile: () => clientKeyFile(io.env), io, passwordFile };
  const found: KeyText = file === "-"
    ? { text: await readInput(io, "-"), source: "standard input" }
    : await findKeyText(sources) ?? noKeyFile(file ?? clientKeyFile(io.env));
  if (found.warning !== undefined) await new Output(io, args.format).warn(found.warning);
  if (isBunker(found) && !secret && file !== "-") {
    const stored = await loadKey(sources);
    if (stored === undefined) return noKeyFile(found.source);
    return { ...formsOf(stored.signer.pubkey, relay), signer: "bunker" };
  }
  const privateKey = await privateKeyOf(found, { io, passwordFile });
  const nsec: Record<string, string> = secret ? { nsec: formatNsec(privateKey) } : {};
  return { ...formsOf(getPublicKey(privateKey), relay), ...nsec };
}

function formsOf(publicKey: string, relays: readonly string[]): Record<string, string> {
  return {
    hex: publicKey,
    npub: formatNpub(publicKey),
    nprofile: formatNprofile(publicKey, relays.map(normalizeRelayUrl)),
  };
}

/** Keeps a key that comes from a file, standard input or a prompt. */
async function importKey(args: KeysImportArguments, io: CliIo): Promise<void> {
  const { from, passwordFile } = args;
  const output = new Output(io, args.format);
  const file = args.keyFile ?? clientKeyFile(io.env);
  const given = from === undefined || from === "-"
    ? { text: await readInput(io, from), source: "what was given" }
    : await readKeyFile(from) ?? noKeyFile(from);
  const what = `the key file ${file}`;
  if (isBunker(given) || isEncryptedKey(given.text)) {
    if (args.encrypt) throw new UsageError("--encrypt is for a private key that is not encrypted");
    if (isBunker(given)) parseBunkerAddress(given.text);
    await writeNewKeyFile(file, given.text);
    await output.note(`it is in ${file}`);
    return await output.result({ file }, () => file);
  }
  const key = await privateKeyOf(given, { io, passwordFile });
  const text = args.encrypt ? await encryptKey(key, { io, passwordFile, what }) : formatNsec(key);
  await writeNewKeyFile(file, text);
  const publicKey = getPublicKey(key);
  const npub = formatNpub(publicKey);
  await output.note(`the private key is in ${file}`);
  await output.result({ npub, publicKey, file }, () => npub);
}

/** Puts a key file under a password, or takes it off. */
async function convert(args: KeysConvertArguments, io: CliIo): Promise<void> {
  const { passwordFile } = args;
  const file = args.keyFile ?? clientKeyFile(io.env);
  const found = await readKeyFile(file) ?? noKeyFile(file);
  const isEncrypting = args.command === "keys encrypt";
  if (isEncryptedKey(found.text) === isEncrypting) {
    const state = isEncrypting ? "encrypted already" : "not encrypted";
    throw new InputError("KEY_INVALID", `the key file ${file} is ${state}`);
  }
  const key = await privateKeyOf(found, { io, passwordFile });
  const what = `the key file ${file}`;
  const text = isEncrypting ? await encryptKey(key, { io, passwordFile, what }) : formatNsec(key);
  await replaceKeyFile(file, text);
  const npub = formatNpub(getPublicKey(key));
  await new Output(io, args.format).result({ npub, file, encrypted: isEncrypting }, () => npub);
}

/** What is typed at the prompt, or comes in on standard input. */
async function readInput(io: CliIo, from?: string): Promise<string> {
  if (from === undefined && io.promptSecret !== undefined) {
    return await io.promptSecret("Private key (nsec, hex, ncryptsec) or bunker://…: ");
  }
  let text = "";
  for await (const part of io.stdin.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.length > MAX_INPUT_LENGTH) {
      throw new InputError("KEY_INVALID", "standard input is too long for a key");
    }
  }
  return text;
}

function noKeyFile(file: string): never {
  throw new InputError(
    "KEY_INVALID",
    `there is no key file ${file}; make one with: cvm keys generate`,
  );
}
