import { accessSync, constants } from "node:fs";

import SqliteDatabase from "better-sqlite3";

import { HubError } from "../../errors.ts";
import { placeOf } from "./place-of.ts";

/**
 * Keeps other processes off a database for as long as this one lives: two would take each other's claims and deliver
 * everything twice. The lock lies in a file beside it, so that copying and reading the database stay possible, and the
 * operating system lets go of it however the process ends. Returns how to let go. Throws `store_unavailable`.
 */
export function lockFile(file: string): () => void {
  const path = `${placeOf(file)}-lock`;
  const lock = new SqliteDatabase(path, { timeout: 0 });
  try {
    // Where it may only be read, SQLite would lock nothing and not say so.
    accessSync(path, constants.W_OK);
    lock.pragma("journal_mode = MEMORY");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    lock.close();
    const isHeld = cause instanceof SqliteDatabase.SqliteError && cause.code.startsWith("SQLITE_BUSY");
    if (!isHeld) throw cause;
    throw new HubError("store_unavailable", "another process uses it, a hub or a move of its data", { cause });
  }
  return () => {
    lock.close();
  };
}
