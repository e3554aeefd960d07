import { loadConfig } from "../config.ts";
import { HubError } from "../errors.ts";
import { exportSubscriptions, writeLines, writeNewFile } from "../export-subscriptions.ts";
import type { Terminal } from "./command.ts";
import { readFileWord } from "./file-word.ts";

/** `carillon export [FILE]`: all subscriptions, a line of JSON each, to FILE or to standard output. Hubs may run. */
export async function exportCommand(argv: readonly string[], { env, output, tell, stopped }: Terminal): Promise<void> {
  const { file, flags, settings } = readFileWord("export", argv, ["--secrets"]);
  const config = loadConfig(env, settings);
  let count = 0;
  let withheld = 0;
  async function* linesOf() {
    for await (const one of exportSubscriptions(config, flags.has("--secrets"))) {
      if (stopped.aborted) throw new HubError("store_unavailable", "it was stopped before the end");
      count += 1;
      if (one.has_secret) withheld += 1;
      yield JSON.stringify(one);
    }
  }
  if (file === undefined || file === "-") await writeLines(output, linesOf());
  else await writeNewFile(file, linesOf());
  tell(`${count} subscriptions were exported${file === undefined ? "" : ` to ${file}`}`);
  if (withheld > 0)
    tell(`${withheld} of them have a secret, which was left out: --secrets tells them, and import needs them`);
}
