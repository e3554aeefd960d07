import { noticesPerMinuteOf } from "../accepting.ts";
import { type Config, loadConfig, SettingsError } from "../config.ts";
import { giveUpKey } from "../give-up-key.ts";
import { openSecrets, openUnused } from "../open-store.ts";
import { rotateSecrets } from "../secret-keys.ts";
import { createSecrets } from "../secrets.ts";
import type { Terminal } from "./command.ts";
import { takeFlag } from "./take-flag.ts";

/**
 * `carillon rotate-key`: seals all secrets in the database with the first key, beside hubs that run. `--give-up KEY`: instead, and
 * without a hub, ends what is sealed with a key that is lost.
 */
export async function rotateKey(argv: readonly string[], terminal: Terminal): Promise<void> {
  const { isGiven, text = "", rest } = takeFlag(argv, "--give-up");
  const config = loadConfig(terminal.env, rest);
  if (!isGiven) return rotate(config, terminal);
  // It is not shown: it may be the key itself.
  if (!/^[0-9a-f]{8}$/.test(text))
    throw new SettingsError(["--give-up must name a key by its 8 hex digits, as the start does that is refused"]);
  return giveUp(text, config, terminal);
}

async function rotate(config: Config, { print, stopped }: Terminal): Promise<void> {
  const secrets = createSecrets(config.secretKeys);
  await using opened = await openSecrets(config);
  const { isAlone } = opened;
  const { sealed, damaged } = await rotateSecrets(opened.secrets, secrets, { signal: stopped, isAlone });
  print(`${sealed} secrets were sealed with key ${secrets.ids[0]}`);
  if (stopped.aborted) return print("Stopped before the end: run it again for the rest");
  if (damaged > 0) {
    print(`${damaged} cannot be opened, for they were changed: nothing is delivered there until they are renewed`);
  }
  if (isAlone) await opened.rewrite();
  print("No other key is in use any more: those behind it may go from CARILLON_SECRET_KEY");
  if (!isAlone && config.database.kind === "file") {
    print("Unused parts of the file may hold what stood there before; without a hub running this rewrites it");
  }
}

async function giveUp(keyId: string, config: Config, { print, stopped }: Terminal): Promise<void> {
  const known = createSecrets(config.secretKeys).ids;
  await using store = await openUnused(config);
  const options = { known, now: new Date(), noticesPerMinute: noticesPerMinuteOf(config), signal: stopped };
  const { subscriptions, intents } = await giveUpKey(store.secrets, keyId, options);
  print(`${subscriptions} subscriptions have ended, and ${intents} requests are denied, that key ${keyId} was for`);
  if (stopped.aborted) return print("Stopped before the end: run it again for the rest");
  print("Their callbacks are told once a hub runs: start it, without that key");
}
