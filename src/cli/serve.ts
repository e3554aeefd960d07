import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import { loadConfig } from "../config.ts";
import { createHub } from "../hub.ts";
import { version } from "../version.ts";
import { aborted, type Terminal } from "./command.ts";
import { describeStart } from "./first-run.ts";

/** A start that is told to stop has so long to come to its end. One that waits for a database takes longer, and leaves nothing undone. */
const patienceMs = 2000;

/** `carillon serve`: runs the hub until a signal, then ends it in order (promise E). */
export async function serve(argv: readonly string[], { env, print, stopped }: Terminal): Promise<void> {
  const config = loadConfig(env, argv);
  const { database } = config;
  const isNew = database.kind === "file" && !existsSync(database.path);
  await using hub = createHub(config);
  const givenUp = aborted(stopped).then(() => setTimeout(patienceMs, "given up", { ref: false }));
  if ((await Promise.race([hub.start(), givenUp])) === "given up") return print("stopped before it was up");
  const { url, listening, admin } = hub;
  for (const line of describeStart(config, { version, url, listening, admin, isNew })) print(line);
  await aborted(stopped);
  print("stopping: what is in flight finishes or is handed back");
}
