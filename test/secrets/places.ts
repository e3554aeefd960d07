import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import SqliteDatabase from "better-sqlite3";

import { openTestDatabase } from "../support/test-database.ts";

/** A database of either kind, empty, and a look at what it holds. */
export type Place = AsyncDisposable & {
  readonly url: string;
  /** All that is stored: the files byte for byte, or every column of every row. */
  read(): Promise<string>;
  run(statement: string): Promise<void>;
  /** Fails what is inserted into a table from now on, with all that a database says then, or refuses all writes for want of room. */
  fail(table: string): Promise<Fault>;
  runOut(): Promise<Fault>;
};

/** Disposed, it is over. */
type Fault = AsyncDisposable;

export const places: readonly { readonly kind: string; readonly open: () => Promise<Place> }[] = [
  { kind: "SQLite", open: openFile },
  { kind: "PostgreSQL", open: openServer },
];

async function openFile(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-secrets-"));
  const file = join(folder, "carillon.db");
  const run = async (statement: string) => {
    const connection = new SqliteDatabase(file);
    connection.exec(statement);
    connection.close();
  };
  return {
    url: `file:${file}`,
    async read() {
      const names = await readdir(folder);
      return (await Promise.all(names.map((name) => readFile(join(folder, name), "latin1")))).join("\n");
    },
    run,
    async fail(table) {
      await run(`CREATE TRIGGER failing BEFORE INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'failed'); END`);
      return { [Symbol.asyncDispose]: () => run("DROP TRIGGER failing") };
    },
    async runOut() {
      const connection = new SqliteDatabase(file);
      connection.exec("BEGIN IMMEDIATE");
      return {
        async [Symbol.asyncDispose]() {
          connection.close();
        },
      };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function openServer(): Promise<Place> {
  const database = await openTestDatabase();
  const { url, connection } = database;
  const run = async (statement: string) => {
    await connection.query(statement);
  };
  return {
    url,
    async read() {
      const tables = await connection.query<{ readonly name: string }>(
        "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'",
      );
      const found: string[] = [];
      for (const { name } of tables.rows) {
        const { rows } = await connection.query<{ readonly row: string }>(`SELECT t::text AS row FROM ${name} t`);
        found.push(...rows.map(({ row }) => row));
      }
      return found
        .join("\n")
        .replaceAll(/x((?:[0-9a-f]{2})+)/g, (_, hex: string) => Buffer.from(hex, "hex").toString());
    },
    run,
    async fail(table) {
      await run(`ALTER TABLE ${table} ADD CONSTRAINT failing CHECK (false) NOT VALID`);
      return { [Symbol.asyncDispose]: () => run(`ALTER TABLE ${table} DROP CONSTRAINT failing`) };
    },
    async runOut() {
      await run(`CREATE FUNCTION run_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full', DETAIL = NEW::text; END $$`);
      await run("CREATE TRIGGER running_out BEFORE INSERT ON intents FOR EACH ROW EXECUTE FUNCTION run_out()");
      await run("CREATE TRIGGER running_out BEFORE INSERT ON pulse FOR EACH ROW EXECUTE FUNCTION run_out()");
      return { [Symbol.asyncDispose]: () => run("DROP FUNCTION run_out CASCADE") };
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
