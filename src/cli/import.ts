import { createReadStream } from "node:fs";
import { addAbortSignal } from "node:stream";

import { loadConfig } from "../config.ts";
import { HubError } from "../errors.ts";
import { importSubscriptions } from "../import-subscriptions.ts";
import type { Terminal } from "./command.ts";
import { readFileWord } from "./file-word.ts";

/** `carillon import [FILE]`: adds the subscriptions of FILE, or of standard input, all or none. */
export async function importCommand(argv: readonly string[], terminal: Terminal): Promise<void> {
  const { env, print, tell } = terminal;
  const { file, settings } = readFileWord("import", argv, []);
  const config = loadConfig(env, settings);
  const { added, known, lapsed } = await importSubscriptions(config, linesOf(file, terminal), (copy) =>
    tell(`the database was copied to ${copy} before it was migrated; the copy is yours to remove`),
  );
  print(`${added} subscriptions were imported, and none was verified: you vouch that their callbacks want them`);
  if (known > 0) print(`${known} were there already, and stay as they are`);
  if (lapsed > 0) print(`${lapsed} were left out, for their lease is over`);
}

/** Bytes that are no UTF-8 end it: read as something else, they would change a secret, and nobody would know. */
async function* linesOf(file: string | undefined, { input, stopped }: Terminal): AsyncGenerator<string> {
  const source = file === undefined || file === "-" ? input : createReadStream(file);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = "";
  try {
    for await (const bytes of addAbortSignal(stopped, source)) {
      // Node's own reader of lines ends them at U+2028 too, which JSON has in its strings.
      const [end = "", ...more] = decoder.decode(bytes as Buffer, { stream: true }).split("\n");
      line += end;
      for (const next of more) {
        yield line;
        line = next;
      }
    }
    yield line + decoder.decode();
  } catch (cause) {
    const reason = stopped.aborted ? "it was stopped" : cause instanceof Error ? cause.message : String(cause);
    throw new HubError("invalid_request", `nothing was imported: ${reason}`, { cause });
  }
}
