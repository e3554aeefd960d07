import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";

import SqliteDatabase from "better-sqlite3";
import type pg from "pg";

import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";

// What hubs of each released version left behind: `VERSION/migrations.json` names the migrations there were, with the SHA-256 of each;
// `VERSION/sqlite.sql` and `VERSION/postgres.sql` are the rows. README, "Development", says how a version is added.

export const stores = ["sqlite", "postgres"] as const;
export type StoreKind = (typeof stores)[number];

/** By store, then by tag: the hash of what it does. */
export type Pins = Readonly<Record<StoreKind, Readonly<Record<string, string>>>>;

type Journal = { readonly entries: readonly { readonly tag: string }[] };

export const home = import.meta.dirname;

export function foldersOf(kind: StoreKind): string {
  return join(home, `../../src/store/${kind}/migrations`);
}

export const versions: readonly string[] = readdirSync(home, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** A version is released once it has a heading in the changelog. */
export const released: readonly string[] = [
  ...readFileSync("CHANGELOG.md", "utf8").matchAll(/^## \[(\d[^\]]*)\]/gm),
].flatMap(([, version = ""]) => version);

export function readPins(version: string): Pins {
  return JSON.parse(readFileSync(join(home, version, "migrations.json"), "utf8")) as Pins;
}

/** Every migration there is. */
export function pinAll(folderOf: (kind: StoreKind) => string = foldersOf): Pins {
  const pinsOf = (kind: StoreKind) =>
    Object.fromEntries(
      readJournal(folderOf(kind)).entries.map(({ tag }) => {
        const sql = readFileSync(join(folderOf(kind), `${tag}.sql`));
        return [tag, createHash("sha256").update(sql).digest("hex")];
      }),
    );
  return { sqlite: pinsOf("sqlite"), postgres: pinsOf("postgres") };
}

/** Those of `pinned` that are gone, or do something else by now. */
export function changedSince(pinned: Pins, now: Pins): readonly string[] {
  return stores.flatMap((kind) =>
    Object.entries(pinned[kind]).flatMap(([tag, hash]) => (now[kind][tag] === hash ? [] : [`${kind}/${tag}`])),
  );
}

/** The migrations as far as a version had them. */
async function copyMigrations(version: string, kind: StoreKind, to: string): Promise<string> {
  await cp(foldersOf(kind), to, { recursive: true });
  const tags = Object.keys(readPins(version)[kind]);
  const journal = readJournal(to);
  const entries = journal.entries.filter(({ tag }) => tags.includes(tag));
  writeFileSync(join(to, "meta/_journal.json"), JSON.stringify({ ...journal, entries }));
  return to;
}

/** One migration more, as a version to come may have it. */
export function addMigration(folder: string, sql: string): void {
  writeFileSync(join(folder, "0001_more.sql"), sql);
  const { entries, ...rest } = JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8")) as {
    readonly entries: readonly { readonly when: number }[];
  };
  const next = { ...entries.at(-1), idx: entries.length, tag: "0001_more", when: (entries.at(-1)?.when ?? 0) + 1 };
  writeFileSync(join(folder, "meta/_journal.json"), JSON.stringify({ ...rest, entries: [...entries, next] }));
}

function readJournal(folder: string): Journal {
  return JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8")) as Journal;
}

/** Rows in which publisher and subscriber are who they are in this run. */
function readRows(version: string, kind: StoreKind, peers: Readonly<Record<string, string>>): string {
  let rows = readFileSync(join(home, version, `${kind}.sql`), "utf8");
  for (const [name, url] of Object.entries(peers)) {
    const { host, hostname } = new URL(url);
    rows = rows.replaceAll(`${name}:9`, host).replaceAll(name, hostname);
  }
  return rows;
}

/** A file as a hub of that version left it. */
export async function makeReleasedFile(
  version: string,
  file: string,
  peers: Readonly<Record<string, string>>,
): Promise<void> {
  const folder = await copyMigrations(version, "sqlite", `${file}-migrations`);
  await openSqliteStore(file, folder)[Symbol.asyncDispose]();
  new SqliteDatabase(file).exec(readRows(version, "sqlite", peers)).close();
}

/** The same in PostgreSQL. `folder`: for what is needed meanwhile. */
export async function makeReleasedDatabase(
  version: string,
  { url, connection }: { readonly url: string; readonly connection: pg.Client },
  folder: string,
  peers: Readonly<Record<string, string>>,
): Promise<void> {
  const migrationsFolder = await copyMigrations(version, "postgres", join(folder, "migrations"));
  await (await openPostgresStore(url, { migrationsFolder }))[Symbol.asyncDispose]();
  await connection.query(readRows(version, "postgres", peers));
  // Of topic and callback (store/postgres/intent-rows.ts), which are others now.
  const pair = `convert_to('["' || topic || '","' || callback || '"]', 'UTF8')`;
  await connection.query(`UPDATE intents SET pair = sha256(${pair})`);
}
