import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { flush } from "./flush.ts";

/**
 * Makes a folder that nobody but its owner may look into, with those above it that are missing. When this returns, their names are on
 * disk: SQLite flushes the names of files in the folder, and nobody else that of the folder itself.
 */
export function makeFolder(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const topmost = dirname(resolve(first));
  for (let parent = dirname(resolve(path)); ; parent = dirname(parent)) {
    flush(parent);
    if (parent === topmost) return;
  }
}
