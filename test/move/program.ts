import { Readable } from "node:stream";

import { run } from "../../src/cli/run.ts";

export type Ended = { readonly code: number; readonly output: string; readonly complaint: string };

/** Runs `carillon migrate-store` to its end. */
export function migrateStore(from: string, to: string): Promise<Ended> {
  return runCommand("--from", from, "--to", to);
}

export async function runCommand(...words: readonly string[]): Promise<Ended> {
  const lines: string[] = [];
  const complaints: string[] = [];
  const print = (line: string) => void lines.push(line);
  const stopped = new AbortController().signal;
  const terminal = { env: {}, print, tell: print, input: Readable.from([]), stopped };
  const code = await run(["migrate-store", ...words], terminal, (text) => void complaints.push(text));
  return { code, output: lines.join("\n"), complaint: complaints.join("\n") };
}
