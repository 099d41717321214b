/**
 * `cvm config`: shows and changes the configuration.
 *
 * @module
 */
import { configFiles, loadConfig } from "../../config.ts";
import { editConfig } from "../../config_edit.ts";
import { UsageError } from "../../exit_codes.ts";
import type { CliIo } from "../../io.ts";
import { findCommand, type KnownCommand, knownCommands } from "../../known_commands.ts";
import { Output } from "../../output.ts";
import { printConfig } from "../../print_config.ts";
import { resolveSettings } from "../../settings.ts";
import { settingNames } from "../../setting_names.ts";
import { didYouMean } from "../../did_you_mean.ts";
import type { ConfigArguments, ConfigEditArguments } from "./command.ts";

/** Does what was asked for. */
export async function runConfig(args: ConfigArguments, io: CliIo): Promise<void> {
  const output = new Output(io, args.format);
  switch (args.command) {
    case "config show":
      return await show(args.of, io, output);
    case "config path":
      return await showFiles(io, output);
    default:
      return await edit(args, io, output);
  }
}

async function show(words: readonly string[], io: CliIo, output: Output): Promise<void> {
  const command = words.length === 0 ? sharedSettings() : commandOf(words);
  const config = await loadConfig(io);
  const settings = resolveSettings({ command, args: command.path, env: io.env, config });
  await printConfig({ path: command.path, settings, config, env: io.env }, output);
}

function sharedSettings(): KnownCommand {
  return { path: [], options: [...settingNames().shared.values()], argumentNames: [] };
}

function commandOf(words: readonly string[]): KnownCommand {
  const command = findCommand(words);
  if (command !== undefined && command.path.length === words.length) return command;
  const known = knownCommands().map(({ path }) => path.join(" "));
  const name = words.join(" ");
  throw new UsageError(
    `there is no command "${name}"${didYouMean(name, known, { otherwise: "list" })}`,
  );
}

async function showFiles(io: CliIo, output: Output): Promise<void> {
  const { files } = await loadConfig(io);
  const rows = files.map(({ file, layer, exists }) => ({ file, layer, exists }));
  await output.list(
    rows,
    () =>
      rows.map(({ file, layer, exists }) => `${file}  ${layer}${exists ? "" : ", not there"}`)
        .join("\n"),
  );
}

async function edit(args: ConfigEditArguments, io: CliIo, output: Output): Promise<void> {
  const layer = args.project ? "project file" : undefined;
  const files = configFiles(io);
  const target = layer === undefined
    ? files.findLast((file) => file.layer !== "project file")
    : files.find((file) => file.layer === layer);
  if (target === undefined) {
    throw new UsageError(
      args.project
        ? "--project edits the project's file, and another file is named by --config or CVM_CONFIG"
        : "there is no folder for your configuration: set HOME, or name a file with --config",
    );
  }
  const values = args.command === "config set" ? args.values : undefined;
  const changed = await editConfig({ ...target, key: args.key, values });
  await output.result(
    { file: target.file, key: args.key, changed },
    () => changed ? `${target.file} has been changed` : `${target.file} stays as it is`,
  );
}
