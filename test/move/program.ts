import { runCommand as run } from "../support/command.ts";

export type Ended = { readonly code: number; readonly output: string; readonly complaint: string };

/** Runs `carillon migrate-store` to its end. */
export function migrateStore(from: string, to: string): Promise<Ended> {
  return runCommand("--from", from, "--to", to);
}

export async function runCommand(...words: readonly string[]): Promise<Ended> {
  const { lines, ...ended } = await run(["migrate-store", ...words]);
  return { ...ended, output: lines.join("\n") };
}
