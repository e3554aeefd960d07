import { Readable, Writable } from "node:stream";

import { run } from "../../src/cli/run.ts";

export type Ended = {
  readonly code: number;
  /** Of standard output. */
  readonly lines: readonly string[];
  /** All of standard error. */
  readonly complaint: string;
};

/** Runs a command to its end, in this process. `settings` are CARILLON_* without the prefix. */
export async function runCommand(
  words: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  input: string | Buffer = "",
): Promise<Ended> {
  const lines: string[] = [];
  const complaints: string[] = [];
  const env = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CARILLON_${name}`, value]));
  const print = (line: string) => void lines.push(line);
  const tell = (line: string) => void complaints.push(line);
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString().trimEnd());
      done();
    },
  });
  const stopped = new AbortController().signal;
  const code = await run(
    words,
    { env, print, output, tell, input: Readable.from([Buffer.from(input)]), stopped },
    tell,
  );
  return { code, lines, complaint: complaints.join("\n") };
}
