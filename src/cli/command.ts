import type { Readable } from "node:stream";

import type { Environment } from "../config/gather.ts";

/** What a command may use of the process. */
export type Terminal = {
  readonly env: Environment;
  /** Writes a line to standard output, whether anybody reads it or not. */
  readonly print: (line: string) => void;
  /** Standard output, for whoever must know that what was written arrived. */
  readonly output: NodeJS.WritableStream;
  /** Writes a line to standard error: for people, where the output is for programs. */
  readonly tell: (line: string) => void;
  readonly input: Readable;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly stopped: AbortSignal;
};

/** Runs until it is done or stopped. Throws SettingsError when `argv`, the words after the command, or the environment is wrong. */
export type Command = (argv: readonly string[], terminal: Terminal) => Promise<void>;

export class UnknownCommand extends Error {
  override readonly name = "UnknownCommand";
}

/** Resolves once the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
