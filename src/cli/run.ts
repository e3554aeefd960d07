import { SettingsError } from "../config.ts";
import { nearest } from "../config/nearest.ts";
import { version } from "../version.ts";
import { type Command, type Terminal, UnknownCommand } from "./command.ts";
import { backupCommand, restoreCommand } from "./backup.ts";
import { block, blocks, unblock } from "./block.ts";
import { config } from "./config.ts";
import { demo } from "./demo.ts";
import { explainFailure } from "./explain-failure.ts";
import { exportCommand } from "./export.ts";
import { describeUsage } from "./help.ts";
import { importCommand } from "./import.ts";
import { migrateStore } from "./migrate-store.ts";
import { rotateKey } from "./rotate-key.ts";
import { serve } from "./serve.ts";
import { verifyDataCommand } from "./verify-data.ts";

const commands: Readonly<Record<string, Command>> = {
  serve,
  demo,
  config,
  backup: backupCommand,
  restore: restoreCommand,
  "verify-data": verifyDataCommand,
  export: exportCommand,
  import: importCommand,
  "migrate-store": migrateStore,
  "rotate-key": rotateKey,
  block,
  unblock,
  blocks,
};

/**
 * Runs what the command line asks for. Answers the exit code: 0, 1 when it failed, 2 when command or settings
 * are wrong; what went wrong is then told through `complain`.
 */
export async function run(
  words: readonly string[],
  terminal: Terminal,
  complain: (text: string) => void,
): Promise<number> {
  try {
    await dispatch(words, terminal);
    return 0;
  } catch (error) {
    complain(explainFailure(error));
    return error instanceof SettingsError || error instanceof UnknownCommand ? 2 : 1;
  }
}

async function dispatch(words: readonly string[], terminal: Terminal): Promise<void> {
  if (words.includes("--help") || words.includes("-h") || words[0] === "help") return terminal.print(describeUsage());
  if (words.includes("--version")) return terminal.print(version);
  const [name, argv] = words[0]?.startsWith("-") === false ? [words[0], words.slice(1)] : ["serve", words];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command(argv, terminal);
  throw new UnknownCommand(
    `${name} is not a command: did you mean ${nearest(name, Object.keys(commands))}? See --help`,
  );
}
