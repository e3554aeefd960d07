import { copyFileSync, existsSync, rmSync, watch } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import SqliteDatabase from "better-sqlite3";

import { type Database, type Outages, patienceMs, type Row } from "./database.ts";
import { losePower } from "./power.ts";

/** A file of its own, which may not be there yet. */
export async function openSqliteFile(random: () => number): Promise<Database & { readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-crash-"));
  const file = join(folder, "carillon.db");
  let outages: Outages | undefined;
  return {
    file,
    url: `file:${file}`,
    get outages() {
      return outages;
    },
    async ask(question) {
      // Open no longer than it takes: a hub that starts is to find the file as one is found after a crash.
      using connection = openReadonly(file);
      return connection.ask(question);
    },
    duringWrite: (act) => atChange(`${file}-wal`, act),
    duringClose: (act) => atChange(file, act),
    async afterKill(losesPower) {
      const lost = losesPower ? losePower(file, random) : undefined;
      if (lost !== undefined)
        outages = { count: (outages?.count ?? 0) + 1, lostBytes: (outages?.lostBytes ?? 0) + lost };
      return checkCopy(file);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

function openReadonly(file: string): Disposable & { ask(question: string): readonly Row[] } {
  const connection = new SqliteDatabase(file, { timeout: 5000 });
  connection.pragma("query_only = ON");
  return {
    ask: (question) => connection.prepare<[], Row>(question).all(),
    [Symbol.dispose]: () => connection.close(),
  };
}

async function atChange(file: string, act: () => void): Promise<void> {
  const changed = Promise.withResolvers<void>();
  const watcher = watch(file, () => {
    watcher.close();
    act();
    changed.resolve();
  });
  const isLate = await Promise.race([changed.promise, setTimeout(patienceMs, true)]);
  watcher.close();
  if (isLate) act();
}

/** Of a copy, for who opens the file itself repairs it. */
function checkCopy(file: string): readonly string[] {
  const copy = `${file}-copy`;
  for (const end of ["", "-wal"]) if (existsSync(file + end)) copyFileSync(file + end, copy + end);
  try {
    using connection = openReadonly(copy);
    const told = connection.ask("PRAGMA integrity_check").map((row) => String(row["integrity_check"]));
    const orphans = connection.ask("PRAGMA foreign_key_check").map((row) => `an orphan: ${JSON.stringify(row)}`);
    return [...told.filter((line) => line !== "ok"), ...orphans];
  } finally {
    for (const end of ["", "-wal", "-shm"]) rmSync(copy + end, { force: true });
  }
}
