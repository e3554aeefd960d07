import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

import { loadConfig } from "../config.ts";
import { HubError } from "../errors.ts";
import { importSubscriptions } from "../import-subscriptions.ts";
import type { Terminal } from "./command.ts";
import { readFileWord } from "./file-word.ts";

/** `carillon import [FILE]`: adds the subscriptions of FILE, or of standard input, all or none. */
export async function importCommand(argv: readonly string[], { env, print, input }: Terminal): Promise<void> {
  const { file, settings } = readFileWord("import", argv, []);
  const config = loadConfig(env, settings);
  const { added, known, lapsed } = await importSubscriptions(config, linesOf(file, input));
  print(`${added} subscriptions were imported, and none was verified: you vouch that their callbacks want them`);
  if (known > 0) print(`${known} were there already, and stay as they are`);
  if (lapsed > 0) print(`${lapsed} were left out, for their lease is over`);
}

async function* linesOf(file: string | undefined, input: NodeJS.ReadableStream): AsyncGenerator<string> {
  const source = file === undefined || file === "-" ? input : createReadStream(file);
  try {
    yield* createInterface({ input: source, crlfDelay: Infinity });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HubError("invalid_request", `nothing was imported: ${reason}`, { cause });
  }
}
