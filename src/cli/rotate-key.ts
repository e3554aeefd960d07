import { loadConfig } from "../config.ts";
import { openSecrets } from "../open-store.ts";
import { rotateSecrets } from "../secret-keys.ts";
import { createSecrets } from "../secrets.ts";
import type { Terminal } from "./command.ts";

/** `carillon rotate-key`: seals all secrets in the database with the first key, beside hubs that run. */
export async function rotateKey(argv: readonly string[], { env, print, stopped }: Terminal): Promise<void> {
  const config = loadConfig(env, argv);
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
