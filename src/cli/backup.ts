import { backUp, restore } from "../backup.ts";
import { loadConfig } from "../config.ts";
import { tellDatabase } from "../config/tell-database.ts";
import type { Terminal } from "./command.ts";
import { readNeededFile } from "./file-word.ts";

/** `carillon backup FILE`: copies the database, as it is at one moment, beside a hub that runs. */
export async function backupCommand(argv: readonly string[], { env, print, stopped }: Terminal): Promise<void> {
  const { file, flags, settings } = readNeededFile("backup", argv, ["--force"]);
  const config = loadConfig(env, settings);
  const { bytes, topics, subscriptions } = await backUp(config, file, {
    replace: flags.has("--force"),
    signal: stopped,
  });
  print(
    `${tellDatabase(config.database)} was backed up to ${file}, checked and on disk: ${tell(topics, subscriptions, bytes)}`,
  );
  if (config.secretKeys.length > 0)
    print("Its secrets are encrypted: it is of no use without CARILLON_SECRET_KEY, which is not in it");
}

/** `carillon restore FILE`: puts a backup in the place of the database, which is kept under another name. */
export async function restoreCommand(argv: readonly string[], { env, print }: Terminal): Promise<void> {
  const { file, settings } = readNeededFile("restore", argv, []);
  const config = loadConfig(env, settings);
  const { bytes, topics, subscriptions, keptAs } = await restore(config, file, new Date());
  print(`${tellDatabase(config.database)} was restored from ${file}: ${tell(topics, subscriptions, bytes)}`);
  if (keptAs !== undefined) print(`What was there before is kept as ${keptAs}`);
}

function tell(topics: number, subscriptions: number, bytes: number): string {
  return `${topics} topics, ${subscriptions} subscriptions, ${Math.ceil(bytes / 1e6)} MB`;
}
