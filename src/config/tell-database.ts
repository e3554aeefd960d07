import { hidePassword } from "./hide-password.ts";
import type { DatabaseAddress } from "./rules.ts";

/** How people are told of a database: its path, or its URL without the password. */
export function tellDatabase(database: DatabaseAddress): string {
  return database.kind === "file" ? database.path : hidePassword(database.url);
}
