/**
 * `cvm relay`: runs the embedded relay until it is stopped.
 *
 * @module
 */
import { type NostrEvent, verifyEvent } from "../../../crypto/event.ts";
import { allowedKeys, followAllowFile, parseAllowed } from "../../allow_option.ts";
import { chooseEngine } from "../../crypto/choose_engine.ts";
import { type CliIo, untilAborted } from "../../io.ts";
import { Output } from "../../output.ts";
import { serveRelay } from "../../relay/mod.ts";
import { sanitizeLine } from "../../sanitize.ts";
import { relaySettings } from "./_settings.ts";
import type { RelayArguments } from "./command.ts";

/** Runs the relay; its URL is the result. */
export async function runRelay(args: RelayArguments, io: CliIo): Promise<void> {
  const { db, auth, allow } = args;
  const output = new Output(io, args.format);
  // Nothing is left to tell a failure to when standard error is gone.
  const say = (text: string) =>
    void output.note(`cvm: ${sanitizeLine(text, 2_000)}`).catch(() => undefined);
  const warn = (text: string) => void output.warn(sanitizeLine(text, 2_000)).catch(() => undefined);
  const named = allow.length > 0 ? allow.map(parseAllowed) : undefined;
  await using file = await followAllowFile(args.allowFile, {
    io,
    many: "keys may write",
    nobody: "nobody may write",
    say,
    warn,
  });
  const writers = allowedKeys(named, file);
  using chosen = await chooseEngine(io.env);
  const verify = (event: NostrEvent) => verifyEvent(event, chosen.engine);
  await using relay = await serveRelay({ ...relaySettings(args, writers), verify });
  const result = { url: relay.url, port: relay.port, db: db ?? null, auth };
  const writeAccess = writers === undefined ? "all" : "allowed";
  await output.result({ ...result, writers: writeAccess }, () => relay.url);
  await output.note(db === undefined ? "events are kept in memory" : `events are kept in ${db}`);
  await untilAborted(io.signal);
  io.signal.throwIfAborted();
}
