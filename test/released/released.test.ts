import { cp, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { version } from "../../src/version.ts";
import { runCommand } from "../support/command.ts";
import { openFolder } from "../move/odd-hub.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { openTestHub } from "../support/test-hub.ts";
import * as fixture from "./fixture.ts";

test("every released version, and this one, has left a database behind", () => {
  expect(fixture.versions).toEqual(expect.arrayContaining([...fixture.released, version]));
});

test("no migration that was released has changed since", async () => {
  for (const one of fixture.released) expect(fixture.changedSince(fixture.readPins(one), fixture.pinAll())).toEqual([]);

  await using folder = await openFolder();
  const folderOf = (kind: fixture.StoreKind) => join(folder.path, kind);
  for (const kind of fixture.stores) await cp(fixture.foldersOf(kind), folderOf(kind), { recursive: true });
  expect(fixture.changedSince(fixture.pinAll(), fixture.pinAll(folderOf))).toEqual([]);
  await writeFile(join(folderOf("postgres"), "0000_start.sql"), "-- nothing");
  expect(fixture.changedSince(fixture.pinAll(), fixture.pinAll(folderOf))).toEqual(["postgres/0000_start"]);
});

const all = fixture.versions.flatMap((one) => fixture.stores.map((kind) => ({ one, kind })));

test.each(all)("a database of $one ($kind) opens, is sound, and what it owes is delivered", async ({ one, kind }) => {
  await using folder = await openFolder();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const peers = { "publisher.example": publisher.origin, "subscriber.example": subscriber.origin };
  const file = join(folder.path, "hub.db");
  await using database = kind === "postgres" ? await openTestDatabase() : undefined;
  const url = database?.url ?? `file:${file}`;
  if (database === undefined) await fixture.makeReleasedFile(one, file, peers);
  else await fixture.makeReleasedDatabase(one, database, folder.path, peers);

  await using hub = await openTestHub({ database: { url } });
  expect((await runCommand(["verify-data"], { DATABASE_URL: url })).lines[0]).toMatch(/ is sound$/);
  publisher.serve("/other", { body: "new" });
  await hub.publish(publisher.topic("/other"));
  await hub.pass(6000);
  await hub.pass(60_000);
  const sent = subscriber.deliveries.map(({ target, body }) => `${target} ${body.toString()}`);
  expect(sent.toSorted()).toEqual(["/behind content", "/cut content", "/up-to-date new"]);
  expect(await hub.store.subscriptions.find(publisher.topic("/feed"), subscriber.callback("/asks"))).toBeDefined();
  expect(await hub.store.blocks.list()).toMatchObject([{ value: "https://spam.example/" }]);
  expect((await runCommand(["verify-data"], { DATABASE_URL: url })).lines[0]).toMatch(/ is sound$/);
});

test("a file that holds something is copied before it is migrated, which is told; the program before refuses the new one and takes the copy", async () => {
  await using folder = await openFolder();
  const [file, newer] = [join(folder.path, "hub.db"), join(folder.path, "newer")];
  const older = fixture.foldersOf("sqlite");
  await fixture.makeReleasedFile(version, file, {});
  await cp(older, newer, { recursive: true });
  fixture.addMigration(newer, "ALTER TABLE topics ADD more text;");

  const copies: string[] = [];
  const onBackup = (copy: string) => void copies.push(copy);
  const open = (at: string, migrations: string) => openSqliteStore(at, migrations, { onBackup });
  const fresh = open(join(folder.path, "fresh.db"), newer);
  await fresh[Symbol.asyncDispose]();
  expect(copies).toEqual([]);
  await open(file, newer)[Symbol.asyncDispose]();
  expect(copies).toEqual([expect.stringMatching(/hub\.db\.before-migration-\d{8}T\d{6}Z$/)]);
  await open(file, newer)[Symbol.asyncDispose]();
  expect(copies).toHaveLength(1);

  expect(() => open(file, older)).toThrow(/it was migrated by a newer version of Carillon: run that one, or restore/);
  const [copy = ""] = copies;
  expect((await stat(copy)).mode & 0o777).toBe(0o600);
  expect((await readdir(folder.path)).filter((name) => name.includes("partial"))).toEqual([]);
  await using store = open(copy, older);
  expect(await store.figures()).toMatchObject({ topics: 2, subscriptions: 3, pending: 2 });
});

test("a file whose migration fails is as it was, and no copy is left, however often that is tried", async () => {
  await using folder = await openFolder();
  const [file, newer] = [join(folder.path, "hub.db"), join(folder.path, "newer")];
  await fixture.makeReleasedFile(version, file, {});
  await cp(fixture.foldersOf("sqlite"), newer, { recursive: true });
  fixture.addMigration(newer, "ALTER TABLE topics ADD more text;--> statement-breakpoint\nDROP TABLE nowhere;");
  const names = await readdir(folder.path);
  for (let i = 0; i < 2; i += 1) expect(() => openSqliteStore(file, newer)).toThrow(/no such table: nowhere/);
  expect((await readdir(folder.path)).toSorted()).toEqual(names.toSorted());
  await openSqliteStore(file, fixture.foldersOf("sqlite"))[Symbol.asyncDispose]();
});
