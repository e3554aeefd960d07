import { closeSync, fsyncSync, openSync } from "node:fs";

/** A file's content, or the names in a folder, is on disk when this returns. */
export function flush(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
