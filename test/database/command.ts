import { run } from "../../src/cli/run.ts";

export type Ended = { readonly code: number; readonly lines: readonly string[]; readonly complaint: string };

/** Runs a command to its end, in this process. `settings` are CARILLON_* without the prefix. */
export async function runCommand(
  words: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const lines: string[] = [];
  const complaints: string[] = [];
  const env = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CARILLON_${name}`, value]));
  const terminal = { env, print: (line: string) => void lines.push(line), stopped: new AbortController().signal };
  const code = await run(words, terminal, (text) => void complaints.push(text));
  return { code, lines, complaint: complaints.join("\n") };
}
