#!/usr/bin/env -S node --max-semi-space-size=8
import { run } from "./cli/run.ts";

const signals = { SIGINT: 130, SIGTERM: 143 } as const;

/** A Ctrl-C under npm arrives twice, from the terminal and from npm: what follows this closely is the same signal. */
const sameSignalMs = 500;

/** For what still keeps the process busy after all was closed. */
const lingerMs = 1000;

const stop = new AbortController();
let stoppedAtMs = 0;

for (const [signal, code] of Object.entries(signals)) process.on(signal, () => onSignal(code));

// A reader that went away (`| head`) is no reason to stop: the hub goes on unheard.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

const terminal = {
  env: process.env,
  print,
  output: process.stdout,
  tell: complain,
  stopped: stop.signal,
  get input() {
    return process.stdin;
  },
};
process.exitCode = await run(process.argv.slice(2), terminal, complain);
setTimeout(() => process.exit(), lingerMs).unref();

/** The first signal ends the hub in order, a second one at once. */
function onSignal(code: number): void {
  const nowMs = performance.now();
  if (!stop.signal.aborted) {
    stoppedAtMs = nowMs;
    stop.abort();
  } else if (nowMs - stoppedAtMs > sameSignalMs) process.exit(code);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}
