import { existsSync } from "node:fs";

import { loadConfig } from "../config.ts";
import { createHub } from "../hub.ts";
import { version } from "../version.ts";
import { aborted, type Terminal } from "./command.ts";
import { describeStart } from "./first-run.ts";

/** `carillon serve`: runs the hub until a signal, then ends it in order (promise E). */
export async function serve(argv: readonly string[], { env, print, stopped }: Terminal): Promise<void> {
  const config = loadConfig(env, argv);
  const { database } = config;
  const isNew = database.kind === "file" && !existsSync(database.path);
  await using hub = createHub(config);
  await hub.start();
  const { url, listening, admin } = hub;
  for (const line of describeStart(config, { version, url, listening, admin, isNew })) print(line);
  await aborted(stopped);
  print("stopping: what is in flight finishes or is handed back");
}
