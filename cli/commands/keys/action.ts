/**
 * `cvm keys`: makes keys and shows them in all their forms.
 *
 * @module
 */
import { generateKey, getPublicKey } from "../../../crypto/mod.ts";
import {
  formatNprofile,
  formatNpub,
  formatNsec,
  parsePrivateKey,
  parsePublicKey,
} from "../../../crypto/keys.ts";
import { InputError } from "../../../errors.ts";
import { normalizeRelayUrl } from "../../../transport/relay/url.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { readPrivateKey, writeNewKeyFile } from "../../key_store.ts";
import { Output } from "../../output.ts";
import { clientKeyFile } from "../../paths.ts";
import type { KeysGenerateArguments, KeysShowArguments } from "./command.ts";

/** A longer input holds something else than a key, in characters. */
const MAX_INPUT_LENGTH = 4_096;

/** Makes a key, in a file or on standard output. */
export async function runKeysGenerate(args: KeysGenerateArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  if (args.print) {
    if (args.keyFile !== undefined) {
      throw new UsageError("--print keeps nothing: leave --key-file out");
    }
    const key = generateKey();
    const nsec = formatNsec(key);
    await output.note(`npub: ${formatNpub(getPublicKey(key))}`);
    return await output.result({ nsec, npub: formatNpub(getPublicKey(key)) }, () => nsec);
  }
  const file = args.keyFile ?? clientKeyFile(io.env);
  const { signer } = await writeNewKeyFile(file);
  const npub = formatNpub(signer.pubkey);
  await output.note(`the private key is in ${file}`);
  await output.result({ npub, publicKey: signer.pubkey, file }, () => npub);
}

/** Shows a key in all its forms. */
export async function runKeysShow(args: KeysShowArguments, io: CliIo): Promise<void> {
  const { key, keyFile, secret } = args;
  if (key !== undefined && (keyFile !== undefined || secret)) {
    throw new UsageError("a public key needs neither --key-file nor --secret");
  }
  if (key !== undefined && /^\s*(nostr:)?nsec1/i.test(key)) {
    throw new UsageError(
      "a private key was given on the command line, where other programs can read it; " +
        "put it in a file or pipe it in: cvm keys show --key-file -",
    );
  }
  const output = new Output(io, args.format);
  const privateKey = key === undefined ? await readKey(keyFile, io, output) : undefined;
  const publicKey = privateKey === undefined ? parsePublicKey(key ?? "") : getPublicKey(privateKey);
  const relays = args.relay.map(normalizeRelayUrl);
  const forms: Record<string, string> = {
    hex: publicKey,
    npub: formatNpub(publicKey),
    nprofile: formatNprofile(publicKey, relays),
    ...(secret && privateKey ? { nsec: formatNsec(privateKey) } : {}),
  };
  privateKey?.fill(0);
  await output.result(
    forms,
    () => Object.entries(forms).map(([name, value]) => `${name.padEnd(9)}${value}`).join("\n"),
  );
}

async function readKey(
  keyFile: string | undefined,
  io: CliIo,
  output: Output,
): Promise<Uint8Array> {
  if (keyFile === "-") return parsePrivateKey(await readInput(io));
  const file = keyFile ?? clientKeyFile(io.env);
  const found = await readPrivateKey(file);
  if (found === undefined) {
    throw new InputError(
      "KEY_INVALID",
      `there is no key file ${file}; make one with: cvm keys generate`,
    );
  }
  if (found.warning !== undefined) await output.warn(found.warning);
  return found.key;
}

async function readInput(io: CliIo): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of io.stdin) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_INPUT_LENGTH) {
      throw new InputError("KEY_INVALID", "standard input is too long for a key");
    }
  }
  return text;
}
