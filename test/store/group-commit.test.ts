import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import SqliteDatabase from "better-sqlite3";
import { describe, expect, test } from "vitest";

import { type Database, openDatabase } from "../../src/store/sqlite/database.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";

const migrations = resolve(import.meta.dirname, "../../src/store/sqlite/migrations");

describe("SQLite: writes of one turn", () => {
  test("share a commit, and are answered after it", async () => {
    await using opened = await open();
    const { insert, commits } = opened;
    const seen: number[] = [];
    const all = Array.from({ length: 64 }, (_, i) => insert(i).then(() => seen.push(idsIn(opened).length)));
    expect(commits()).toBe(0);
    await Promise.all(all);

    expect(commits()).toBe(1);
    expect(seen).toEqual(all.map(() => 64));
  });

  test("of which there are very many share a commit for each 500, and others get a turn in between", async () => {
    await using opened = await open();
    const { insert, commits } = opened;
    let turns = 0;
    const turn = setInterval(() => (turns += 1), 0);
    await Promise.all(Array.from({ length: 1200 }, (_, i) => insert(i)));
    clearInterval(turn);
    expect([commits(), turns > 0, idsIn(opened).length]).toEqual([3, true, 1200]);
  });

  test("that wait for one another take one commit each", async () => {
    await using opened = await open();
    for (let i = 0; i < 3; i += 1) {
      await opened.insert(i);
      expect(opened.commits()).toBe(1);
    }
  });

  test("run in the order they were asked for, and each sees those before it", async () => {
    await using opened = await open();
    const { db, insert } = opened;
    const count = () => db.write(() => db.connection.prepare("SELECT count(*) FROM noted").pluck().get());
    const [, one, , , three] = await Promise.all([insert(1), count(), insert(2), insert(3), count()]);
    expect([one, three]).toEqual([1, 3]);
  });

  test("asked for while others commit go into the next one", async () => {
    await using opened = await open();
    const { insert } = opened;
    const nested = insert(1).then(() => insert(2));
    await Promise.all([nested, insert(3)]);
    expect(idsIn(opened).length).toBe(3);
  });

  test("of which one throws: only that one is undone, and its own error comes back", async () => {
    await using opened = await open();
    const { db, insert } = opened;
    const fault = new Error("a fault of ours");
    const failing = db.write(() => {
      db.connection.prepare("INSERT INTO noted (id) VALUES (2)").run();
      throw fault;
    });
    const results = await Promise.allSettled([insert(1), failing, insert(3)]);

    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await expect(failing).rejects.toBe(fault);
    expect(idsIn(opened)).toEqual([1, 3]);
    expect(opened.commits()).toBe(1);
  });

  test("of which one breaks a constraint: the others are kept", async () => {
    await using opened = await open();
    const { insert } = opened;
    const results = await Promise.allSettled([insert(1), insert(1), insert(2)]);
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(idsIn(opened)).toEqual([1, 2]);
  });

  test("of which one is an async function: that one is refused, and undone", async () => {
    await using opened = await open();
    const { db, insert } = opened;
    const refused = db.write(async () => {
      db.connection.prepare("INSERT INTO noted (id) VALUES (2)").run();
      await Promise.resolve();
    });
    const [first, last] = [insert(1), insert(3)];

    await expect(refused).rejects.toThrow("must be synchronous");
    await Promise.all([first, last]);
    expect(idsIn(opened)).toEqual([1, 3]);
  });
});

describe("promises A and B, SQLite: what waits for the disk", () => {
  const full = 2;
  const normal = 1;

  async function levels(...kinds: readonly ("write" | "claim")[]): Promise<readonly unknown[]> {
    await using opened = await open();
    const { db } = opened;
    const level = () => db.connection.pragma("synchronous", { simple: true });
    return await Promise.all(kinds.map((kind) => db[kind](level)));
  }

  test("is every write, also one that shares its commit with claims", async () => {
    expect(await levels("write")).toEqual([full]);
    expect(await levels("claim", "write", "claim")).toEqual([full, full, full]);
  });

  test("is not a claim, before and after a write as well", async () => {
    await using opened = await open();
    const { db } = opened;
    const level = () => db.connection.pragma("synchronous", { simple: true });
    expect([await db.claim(level), await db.write(level), await db.claim(level)]).toEqual([normal, full, normal]);
  });
});

describe("promise F, SQLite: a full disk", () => {
  test("fails all writes of the turn with store_unavailable, changes nothing, and is recovered from", async () => {
    await using opened = await open();
    const { db, insert } = opened;
    await insert(1);
    const pages = Number(db.connection.pragma("page_count", { simple: true }));
    db.connection.pragma(`max_page_count = ${pages}`);

    const results = await Promise.allSettled([insert(2), insertLarge(db, 3), insert(4)]);
    expect(results.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
    for (const result of results) {
      expect(result).toMatchObject({ reason: { code: "store_unavailable" } });
    }
    expect(db.connection.inTransaction).toBe(false);
    expect(idsIn(opened)).toEqual([1]);
    await insert(5);

    db.connection.pragma(`max_page_count = ${pages + 1000}`);
    await Promise.all([insertLarge(db, 6), insert(7)]);
    expect(idsIn(opened)).toEqual([1, 5, 6, 7]);
  });
});

describe("promise F, SQLite: a locked file", () => {
  test("rejects with store_unavailable, and is recovered from", async () => {
    await using opened = await open();
    opened.observer.exec("BEGIN IMMEDIATE");
    await expect(opened.insert(1)).rejects.toMatchObject({ code: "store_unavailable" });
    opened.observer.exec("ROLLBACK");
    await opened.insert(2);
    expect(idsIn(opened)).toEqual([2]);
  });
});

describe("SQLite: the file", () => {
  test("is one process's at a time: another is refused with store_unavailable until that has closed it", async () => {
    await using folder = await openFolder();
    const file = join(folder.path, "carillon.db");
    const store = openSqliteStore(file, migrations);
    expect(() => openSqliteStore(file, migrations)).toThrow(expect.objectContaining({ code: "store_unavailable" }));
    await expect(store.assertWritable(new Date())).resolves.toBeUndefined();
    await store[Symbol.asyncDispose]();
    await using next = openSqliteStore(file, migrations);
    await expect(next.assertWritable(new Date())).resolves.toBeUndefined();
  });

  test("is said not to be writable while somebody else holds it", async () => {
    await using folder = await openFolder();
    const file = join(folder.path, "carillon.db");
    await using store = openSqliteStore(file, migrations);
    const holder = new SqliteDatabase(file);
    holder.exec("BEGIN IMMEDIATE");
    await expect(store.assertWritable(new Date())).rejects.toMatchObject({ code: "store_unavailable" });
    holder.close();
    await expect(store.assertWritable(new Date())).resolves.toBeUndefined();
  });

  test("is opened so that an answered write survives the loss of power", async () => {
    await using opened = await open();
    const pragma = (name: string) => opened.db.connection.pragma(name, { simple: true });
    expect(["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map(pragma)).toEqual(["wal", 2, 1, 50]);
  });

  test("is created with the folders it lies in, and found again", async () => {
    await using folder = await openFolder();
    const file = join(folder.path, "a", "b", "carillon.db");
    await openSqliteStore(file, migrations)[Symbol.asyncDispose]();
    await using store = openSqliteStore(file, migrations);
    await expect(store.assertWritable(new Date())).resolves.toBeUndefined();
  });

  test("commits what was asked for in the turn of closing it", async () => {
    await using folder = await openFolder();
    const file = join(folder.path, "carillon.db");
    const store = openSqliteStore(file, migrations);
    const written = store.assertWritable(new Date(7));
    await store[Symbol.asyncDispose]();
    await written;
    const observer = new SqliteDatabase(file, { readonly: true });
    expect(observer.prepare("SELECT at FROM pulse").pluck().all()).toEqual([7]);
    observer.close();
  });

  test("is refused with store_unavailable when it is no database, is a folder, or cannot be made", async () => {
    await using folder = await openFolder();
    const text = join(folder.path, "notes.txt");
    await writeFile(text, "This is not a database, but it is longer than a header would be.\n".repeat(100));
    for (const file of [text, folder.path, join(text, "carillon.db")]) {
      expect(() => openSqliteStore(file, migrations)).toThrow(expect.objectContaining({ code: "store_unavailable" }));
      expect(() => openSqliteStore(file, migrations)).toThrow(file);
    }
  });

  test.runIf(existsSync("/proc/self/fd"))("is not left open when it is refused", async () => {
    await using folder = await openFolder();
    const text = join(folder.path, "notes.txt");
    await writeFile(text, "This is not a database, but it is longer than a header would be.\n".repeat(100));
    const connection = new SqliteDatabase(text);
    expect(isOpen(text)).toBe(true);
    connection.close();
    expect(() => openSqliteStore(text, migrations)).toThrow(text);
    expect(isOpen(text)).toBe(false);
  });
});

type Opened = AsyncDisposable & {
  readonly db: Database;
  readonly observer: SqliteDatabase.Database;
  readonly insert: (id: number) => Promise<void>;
  /** How many commits the file has taken since this was last asked. */
  readonly commits: () => number;
};

async function open(): Promise<Opened> {
  const folder = await openFolder();
  const file = join(folder.path, "carillon.db");
  const db = openDatabase(file, migrations);
  db.connection.exec("CREATE TABLE noted (id INTEGER PRIMARY KEY, body BLOB)");
  const insert = db.connection.prepare<[number]>("INSERT INTO noted (id) VALUES (?)");
  const observer = new SqliteDatabase(file);
  let counted = commitsIn(file);

  return {
    db,
    observer,
    insert: (id) =>
      db.write(() => {
        insert.run(id);
      }),
    commits() {
      const before = counted;
      counted = commitsIn(file);
      return counted - before;
    },
    async [Symbol.asyncDispose]() {
      observer.close();
      db.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Counts the frames of the write-ahead log that end a transaction: https://sqlite.org/fileformat2.html#walformat */
function commitsIn(file: string): number {
  const log = readFileSync(`${file}-wal`);
  const frame = 24 + log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let commits = 0;
  for (let at = 32; at + frame <= log.length && log.subarray(at + 8, at + 16).equals(salt); at += frame) {
    if (log.readUInt32BE(at + 4) > 0) commits += 1;
  }
  return commits;
}

function idsIn({ observer }: Opened): readonly unknown[] {
  return observer.prepare("SELECT id FROM noted ORDER BY id").pluck().all();
}

/** Whether this process has the file open (Linux). */
function isOpen(file: string): boolean {
  return readdirSync("/proc/self/fd").some((fd) => {
    const link = join("/proc/self/fd", fd);
    return existsSync(link) && readlinkSync(link) === file;
  });
}

function insertLarge(db: Database, id: number): Promise<void> {
  const body = Buffer.alloc(100_000);
  return db.write(() => {
    db.connection.prepare("INSERT INTO noted (id, body) VALUES (?, ?)").run(id, body);
  });
}

async function openFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "carillon-store-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
