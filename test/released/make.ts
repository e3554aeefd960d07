import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import SqliteDatabase from "better-sqlite3";
import pg from "pg";

import { tables } from "../../src/store/move/tables.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { version } from "../../src/version.ts";
import { after, close, cut, failure, idsOf, intent, publish } from "../conformance/support.ts";
import { record, shut, start, subscribe } from "../conformance/support.ts";
import { startServer } from "../support/embedded-server.ts";
import { foldersOf, home, pinAll, released } from "./fixture.ts";

// npm run release-fixture: writes down what a hub of this version leaves behind, to be committed with the release.

const tableNames = [...tables.map(({ name }) => name), "pulse"];

const [feed, other] = ["http://publisher.example:9/feed", "http://publisher.example:9/other"];
const callbackOf = (path: string) => `http://subscriber.example:9/${path}`;

/** Something of everything: what is owed in each way, what waits, what is blocked. */
async function fill(store: Store): Promise<void> {
  await subscribe(store, { topic: feed, callback: callbackOf("behind"), secret: "s" });
  await subscribe(store, { topic: feed, callback: callbackOf("cut"), signatureMethod: "sha512" });
  await subscribe(store, { topic: other, callback: callbackOf("up-to-date") });
  await store.topics.setPolicy(other, "every");
  const key = await publish(store, other);
  await close(store, await cut(store), { log: [record(key)] });
  await publish(store, feed);
  const chunk = await cut(store);
  const [first = 0, ...left] = idsOf(chunk);
  await close(store, chunk, { left, behind: [failure(first, { dueAt: after(5000) })] });
  await store.fanOuts.release(chunk);
  for (const secret of ["one", "two"])
    await store.intents.addIntent(intent({ topic: feed, callback: callbackOf("asks"), secret }), start);
  await store.hosts.saveShut([shut("http://dead.example")]);
  await store.blocks.add({ kind: "topic", value: "https://spam.example/", reason: "spam" }, start);
  await store.secrets.addKey("00000000");
}

if (released.includes(version)) {
  process.stderr.write(`${version} is released: what its hubs left behind changes no more\n`);
  process.exit(1);
}
const temporary = await mkdtemp(join(tmpdir(), "carillon-release-"));
await using server = await startServer({});
const file = join(temporary, "hub.db");
for (const opening of [
  openSqliteStore(file, foldersOf("sqlite")),
  openPostgresStore(server.url, { migrationsFolder: foldersOf("postgres") }),
]) {
  await using store = await opening;
  await fill(store);
}
await writeFixture();
await rm(temporary, { recursive: true });
process.stdout.write(`test/released/${version} is written\n`);

async function writeFixture(): Promise<void> {
  const folder = join(home, version);
  const connection = new pg.Client({ connectionString: server.url });
  await connection.connect();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "migrations.json"), `${JSON.stringify(pinAll(), undefined, 2)}\n`);
  writeFileSync(join(folder, "sqlite.sql"), `${dumpFile().join("\n")}\n`);
  writeFileSync(join(folder, "postgres.sql"), `${(await dumpDatabase(connection)).join("\n")}\n`);
  await connection.end();
}

function dumpFile(): readonly string[] {
  const database = new SqliteDatabase(file, { readonly: true });
  const rowsOf = (table: string) => database.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table}`).all();
  const dumped = [...tableNames, "sqlite_sequence"].flatMap((table) =>
    rowsOf(table).map((row) => insertOf(table, "", row, (value) => `x'${value.toString("hex")}'`)),
  );
  database.close();
  // Opening the file has counted ids already where rows were made; here they are what they were.
  return ["DELETE FROM sqlite_sequence;", ...dumped];
}

async function dumpDatabase(connection: pg.Client): Promise<readonly string[]> {
  const dumped: string[] = [];
  for (const table of tableNames) {
    const { rows } = await connection.query<Record<string, unknown>>(`SELECT * FROM ${table}`);
    const toBytes = (value: Buffer) => String.raw`'\x${value.toString("hex")}'`;
    dumped.push(...rows.map((row) => insertOf(table, " OVERRIDING SYSTEM VALUE", row, toBytes)));
  }
  const { rows: sequences } = await connection.query<{ readonly name: string; readonly last: string }>(
    "SELECT sequencename AS name, last_value AS last FROM pg_sequences WHERE last_value IS NOT NULL ORDER BY 1",
  );
  return [...dumped, ...sequences.map(({ name, last }) => `SELECT setval('${name}', ${last});`)];
}

function insertOf(
  table: string,
  how: string,
  row: Readonly<Record<string, unknown>>,
  toBytes: (value: Buffer) => string,
): string {
  const literal = (value: unknown): string => {
    if (Buffer.isBuffer(value)) return toBytes(value);
    if (Array.isArray(value)) return `'{${value.join(",")}}'`;
    if (value === Number.NEGATIVE_INFINITY) return "'-infinity'";
    if (value instanceof Date) return `'${value.toISOString()}'`;
    return typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
  };
  const names = Object.keys(row).map((name) => `"${name}"`);
  return `INSERT INTO ${table} (${names.join(", ")})${how} VALUES (${Object.values(row).map(literal).join(", ")});`;
}
