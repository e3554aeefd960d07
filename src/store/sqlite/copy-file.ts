import { closeSync, linkSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";

import SqliteDatabase from "better-sqlite3";

import { HubError } from "../../errors.ts";
import { flush } from "./flush.ts";

/**
 * Writes the database as it is at one moment to `partial`, readable by its owner alone, checks what was written, and has it on
 * disk when this returns. Whoever writes to the database meanwhile goes on. What was in `partial` before is gone. Throws what
 * SQLite or the system throws, and `store_unavailable` when the copy is damaged; then there is no copy.
 */
export function copyDatabase(connection: SqliteDatabase.Database, partial: string): void {
  rmSync(partial, { force: true });
  closeSync(openSync(partial, "wx", 0o600));
  try {
    connection.prepare("VACUUM INTO ?").run(partial);
    assertWhole(partial);
    flush(partial);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

/** Gives a copy its name, in place of what had that name before. It is so on disk when this returns. */
export function putInPlace(partial: string, file: string): void {
  renameSync(partial, file);
  flush(dirname(file));
}

/** Gives what `file` names a second name. Throws when that is taken. */
export function keepAs(file: string, name: string): void {
  linkSync(file, name);
  flush(dirname(name));
}

/** When something was done, as a part of a file's name: 20260101T120000Z. */
export function stampOf(now: Date): string {
  return now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

function assertWhole(file: string): void {
  const copy = new SqliteDatabase(file, { readonly: true });
  try {
    const complaint = String(copy.pragma("integrity_check(1)", { simple: true }));
    if (complaint !== "ok") throw new HubError("store_unavailable", `the copy is damaged: ${complaint}`);
  } finally {
    copy.close();
  }
}
