import { spawn } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getuid } from "node:process";
import { text } from "node:stream/consumers";

import SqliteDatabase from "better-sqlite3";
import { pino } from "pino";
import { expect, test } from "vitest";

import { subscribeMany, topic } from "../conformance/support.ts";
import { makeEmptyFile, openFolder } from "../move/odd-hub.ts";
import { openTestHub } from "../support/test-hub.ts";
import { runCommand } from "../support/command.ts";

const mend = /stop the hub; carillon verify-data says what is wrong, carillon restore FILE brings back a backup/;

function serve(file: string) {
  return runCommand(["serve"], { DATABASE_URL: `file:${file}`, PORT: "0", LOG_LEVEL: "silent" });
}

async function overwrite(file: string, from: number, to: number): Promise<void> {
  const bytes = await readFile(file);
  await writeFile(file, bytes.fill(0xee, from, to));
}

/** Files that no hub can go on with, made of one that it could, and what is said of them. */
const spoilt: readonly {
  readonly kind: string;
  readonly spoil: (file: string) => Promise<unknown>;
  readonly said: RegExp;
}[] = [
  {
    kind: "no database",
    spoil: (file) => writeFile(file, "text, ".repeat(999)),
    said: /file is not a database: it was left as/,
  },
  { kind: "damaged", spoil: (file) => overwrite(file, 8192, 9000), said: mend },
  { kind: "cut short", spoil: (file) => truncate(file, 40_960), said: mend },
  {
    kind: "of a newer version",
    spoil: async (file) => new SqliteDatabase(file).exec("UPDATE __drizzle_migrations SET created_at = 9e15").close(),
    said: /it was migrated by a newer version of Carillon: run that one, or restore a backup that was made before/,
  },
  {
    kind: "of another program",
    spoil: async (file) => new SqliteDatabase(file).exec("DROP TABLE fan_outs").close(),
    said: /it holds the tables of another program: name another file/,
  },
  {
    kind: "empty, its last writes being left beside it",
    spoil: async (file) => {
      await writeFile(`${file}-wal`, "frames");
      await truncate(file, 0);
    },
    said: /it is empty, but .*-wal beside it is not: bring back the file that belongs to it, or a backup/,
  },
];

test.each(spoilt)(
  "a database file that is $kind is refused at start with what to do, and stays as it is",
  async ({ spoil, said }) => {
    await using folder = await openFolder();
    const file = join(folder.path, "hub.db");
    await makeEmptyFile(file);
    await spoil(file);
    const before = await readFile(file);
    const { code, lines, complaint } = await serve(file);
    expect({ code, lines }).toEqual({ code: 1, lines: [] });
    expect(complaint).toMatch(said);
    expect(complaint).toContain(`the database file ${file} cannot be used`);
    expect((await readFile(file)).equals(before)).toBe(true);
  },
);

test("after an end that was not in order a damaged file is found and stays as it is, and so does what was written last", async () => {
  await using folder = await openFolder();
  const [file, killed] = [join(folder.path, "hub.db"), join(folder.path, "killed.db")];
  {
    await using hub = await openTestHub({ database: { url: `file:${file}` } });
    await subscribeMany(hub.store, 50);
    const other = new SqliteDatabase(file);
    other.pragma("wal_checkpoint(PASSIVE)");
    other.close();
    await hub.store.topics.setPolicy(topic, "every");
    for (const end of ["", "-wal"]) await copyFile(`${file}${end}`, `${killed}${end}`);
  }
  const good = await runCommand(["verify-data"], { DATABASE_URL: `file:${killed}` });
  expect(good.code).toBe(0);
  await overwrite(killed, 12_288, 12_400);
  const before = await Promise.all(["", "-wal"].map((end) => readFile(`${killed}${end}`)));
  expect((await serve(killed)).complaint).toMatch(mend);
  const after = await Promise.all(["", "-wal"].map((end) => readFile(`${killed}${end}`)));
  expect(after.map((bytes, i) => bytes.equals(before[i] ?? bytes.subarray(1)))).toEqual([true, true]);
});

test("a file, its lock, or a folder, that may not be written to is refused at start with what to do", async () => {
  const complaints = await Promise.all(["file", "lock", "folder"].map(serveReadOnly));
  const said = expect.stringMatching(
    /hub\.db cannot be used: .*the hub must be able to write to it, and to the folder it is in\n$/,
  ) as string;
  expect(complaints).toEqual([said, said, said]);
});

async function serveReadOnly(which: string): Promise<string> {
  await using folder = await openFolder();
  const inner = join(folder.path, "data");
  await mkdir(inner);
  const file = join(inner, "hub.db");
  await makeEmptyFile(file);
  for (const path of [folder.path, inner]) await chmod(path, 0o755);
  if (which === "folder") await rm(`${file}-lock`);
  else await chmod(`${file}-lock`, which === "lock" ? 0o444 : 0o666);
  await chmod(file, which === "file" ? 0o444 : 0o666);
  await chmod(inner, which === "folder" ? 0o555 : 0o777);
  // Root may write to everything.
  const unprivileged = getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const env = { CARILLON_DATABASE_URL: `file:${file}`, CARILLON_PORT: "0", CARILLON_ADMIN_TOKEN: "t".repeat(32) };
  const child = spawn(process.execPath, ["dist/main.js", "serve"], { env, ...unprivileged, timeout: 20_000 });
  return await text(child.stderr);
}

test("damage that is met while the hub runs: 503, /readyz red, nothing more is written, and the log says what to do", async () => {
  const told: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => told.push(line) });
  await using hub = await openTestHub({ log });
  await subscribeMany(hub.store, 50);
  const form = {
    "hub.mode": "subscribe",
    "hub.topic": "https://blog.example/2",
    "hub.callback": "https://reader.example/",
  };
  const other = new SqliteDatabase(hub.file);
  other.pragma("wal_checkpoint(TRUNCATE)");
  const page = Number(other.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'intents'").pluck().get());
  await overwrite(hub.file, (page - 1) * 4096, page * 4096);
  // From now on what the hub remembers of the file counts no more.
  other.exec("UPDATE pulse SET at = 1; INSERT INTO pulse VALUES (2, 2)");
  other.close();

  expect((await hub.post(form)).status).toBe(503);
  hub.clock.advance(1000);
  expect((await fetch(new URL("/readyz", hub.url))).status).toBe(503);
  expect((await fetch(new URL("/livez", hub.url))).status).toBe(200);
  expect((await hub.post({ "hub.mode": "publish", "hub.url": "https://blog.example/feed" })).status).toBe(503);
  expect(told.filter((line) => line.includes('"msg":"not ready"'))).toEqual([expect.stringMatching(mend)]);
});
