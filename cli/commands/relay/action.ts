/**
 * `cvm relay`: runs the embedded relay until it is stopped.
 *
 * @module
 */
import { type NostrEvent, verifyEvent } from "../../../crypto/event.ts";
import { chooseEngine } from "../../crypto/choose_engine.ts";
import { type CliIo, untilAborted } from "../../io.ts";
import { Output } from "../../output.ts";
import { serveRelay } from "../../relay/mod.ts";
import type { RelayArguments } from "./command.ts";

/** Runs the relay; its URL is the result. */
export async function runRelay(args: RelayArguments, io: CliIo): Promise<void> {
  const { port, hostname, db } = args;
  using chosen = await chooseEngine(io.env);
  const verify = (event: NostrEvent) => verifyEvent(event, chosen.engine);
  await using relay = await serveRelay({ port, hostname, db, verify });
  const output = new Output(io, args.format);
  await output.result({ url: relay.url, db: db ?? null }, () => relay.url);
  await output.note(db === undefined ? "events are kept in memory" : `events are kept in ${db}`);
  await untilAborted(io.signal);
  io.signal.throwIfAborted();
}
