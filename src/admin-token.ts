import { randomBytes, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { Config } from "./config.ts";

/** What opens the admin surface. */
export type AdminToken = {
  readonly value: string;
  /** Where it is kept. Absent when it was set. */
  readonly file: string | undefined;
  /** Made just now: the only time it is shown. */
  readonly isNew: boolean;
};

/**
 * The token that is set, or the one beside the database, which is made (32 random bytes, readable by its owner only) when there is
 * none yet. Rejects when that file can be neither read nor written, or is empty.
 */
export async function openAdminToken({
  adminToken,
  database,
}: Pick<Config, "adminToken" | "database">): Promise<AdminToken> {
  if (adminToken !== undefined) return { value: adminToken, file: undefined, isNew: false };
  const file = join(database.kind === "file" ? dirname(database.path) : "data", "admin-token");
  const made = randomBytes(32).toString("base64url");
  if (!existsSync(file) && (await create(file, `${made}\n`))) return { value: made, file, isNew: true };
  const value = (await readFile(file, "utf8")).trim();
  if (value === "") throw new Error(`the admin token file ${file} is empty: remove it, and a new one is made`);
  return { value, file, isNew: false };
}

/** Whole or not at all. False when there is one already, also when another process was quicker. */
async function create(file: string, text: string): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}-${randomUUID()}`;
  await writeFile(draft, text, { flag: "wx", mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft);
  }
}
