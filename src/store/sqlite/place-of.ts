import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/**
 * Where a file lies, whatever links lead there: SQLite keeps what belongs to it beside that, and what is locked or compared by one of
 * several names must be the same by all. The file need not be there yet.
 */
export function placeOf(file: string): string {
  if (existsSync(file)) return realpathSync(file);
  const folder = dirname(resolve(file));
  return existsSync(folder) ? join(realpathSync(folder), basename(file)) : resolve(file);
}
