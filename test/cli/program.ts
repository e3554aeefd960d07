import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export type Program = AsyncDisposable & {
  /** All lines of standard output so far. */
  readonly lines: readonly string[];
  /** The first line, past or future, that matches. Rejects when output ends without one. */
  line(pattern: RegExp): Promise<string>;
  signal(name: "SIGINT" | "SIGTERM"): void;
  /** Resolves when the program ends: its exit code and what it wrote to standard error. */
  readonly ended: Promise<{ readonly code: number | null; readonly complaint: string }>;
};

/**
 * Runs the built `carillon` with this Node. No setting comes from the environment of the tests. `openFiles`: how many it
 * may have open; absent: as many as the tests.
 */
export function startProgram(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  openFiles?: number,
): Program {
  const path = { PATH: process.env["PATH"] ?? "" };
  const limited = `${openFiles === undefined ? "" : `ulimit -n ${openFiles} && `}exec "$0" "$@"`;
  const child = spawn("sh", ["-c", limited, process.execPath, "dist/main.js", ...words], {
    cwd: root,
    env: { ...path, ...env },
    stdio: "pipe",
  });
  const complaint = text(child.stderr);
  const output = readLines(child);
  const ended = once(child, "close").then(async () => ({ code: child.exitCode, complaint: await complaint }));
  return {
    ...output,
    signal: (name) => void child.kill(name),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function readLines(child: ChildProcess): Pick<Program, "lines" | "line"> {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let over = false;
  const look = () => {
    for (const again of waiting) again();
  };
  if (child.stdout === null) throw new Error("the program has no output");
  const reader = createInterface(child.stdout);
  reader.on("line", (line) => {
    lines.push(line);
    look();
  });
  reader.on("close", () => {
    over = true;
    look();
  });
  return {
    lines,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const again = () => {
          const found = lines.find((line) => pattern.test(line));
          if (found === undefined && !over) return;
          waiting.delete(again);
          if (found === undefined) reject(new Error(`no line matched ${pattern}:\n${lines.join("\n")}`));
          else resolve(found);
        };
        waiting.add(again);
        again();
      }),
  };
}
