import { loadConfig } from "../config.ts";
import { tellDatabase } from "../config/tell-database.ts";
import { HubError } from "../errors.ts";
import { verifyData } from "../verify-data.ts";
import type { Terminal } from "./command.ts";

/** `carillon verify-data`: tells all that is wrong with the data, a line each. Changes nothing; hubs may run. */
export async function verifyDataCommand(argv: readonly string[], { env, print, stopped }: Terminal): Promise<void> {
  const config = loadConfig(env, argv);
  let faults = 0;
  for await (const fault of verifyData(config)) {
    faults += 1;
    print(fault);
    if (stopped.aborted) break;
  }
  const name = tellDatabase(config.database);
  if (stopped.aborted) throw new HubError("store_unavailable", `${name} was not looked through: it was stopped`);
  if (faults > 0)
    throw new HubError("store_unavailable", `${name} has ${faults} faults; carillon restore FILE brings back a backup`);
  print(`${name} is sound`);
  if (config.secretKeys.length === 0) print("Encrypted secrets were not tried: CARILLON_SECRET_KEY is not set");
}
