import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { cp, readdir, stat, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";

import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";

import { makeEmptyFile, openFolder } from "../move/odd-hub.ts";
import { asStarted } from "../support/as-started.ts";
import { runCommand } from "../support/command.ts";
import { spawnHubProcess, startHubProcess } from "../support/hub-process.ts";
import { openPublisher } from "../support/publisher.ts";
import { toSubscribe } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub, testSecretKey } from "../support/test-hub.ts";
import { until } from "../support/until.ts";
import { addMigration } from "./fixture.ts";

/** A folder for a database, and the program that is built as its next version will be: with one migration more. */
async function openPlace() {
  const folder = await openFolder();
  const at = (name: string) => join(folder.path, name);
  await cp("dist", at("next/dist"), { recursive: true });
  await cp("package.json", at("next/package.json"));
  await symlink(resolve("node_modules"), at("next/node_modules"));
  addMigration(at("next/dist/migrations/sqlite"), "ALTER TABLE topics ADD more text;");
  const file = at("hub.db");
  return {
    file,
    settings: { DATABASE_URL: `file:${file}`, SECRET_KEY: testSecretKey, DELIVERY_THREADS: "0" },
    next: asStarted.map((word) => (word === "dist/main.js" ? at("next/dist/main.js") : word)),
    copies: async () => (await readdir(folder.path)).filter((name) => /before-migration|partial/.test(name)).map(at),
    path: folder.path,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test("a new version copies the file before it migrates it, and says so; the old one refuses the new file, and with the copy goes on with all that was owed", async () => {
  await using place = await openPlace();
  const { file, settings, next } = place;
  await using publisher = await openPublisher();
  let status = 500;
  await using subscriber = await openSubscriber({ receive: () => ({ status }) });
  const [topic, asking] = [publisher.topic("/feed"), subscriber.callback("/asking")];
  publisher.serve("/feed", { body: "one" });
  {
    await using hub = await openTestHub({ database: { url: `file:${file}` }, now: new Date(Date.now() - 60_000) });
    await hub.subscribe(topic, subscriber.callback(), { "hub.secret": "s" });
    await hub.publish(topic);
    expect((await hub.post(toSubscribe(topic, asking))).status).toBe(202);
  }

  const log: string[] = [];
  {
    await using newer = await startHubProcess(settings, { program: next, onLog: (line) => log.push(line) });
    expect(await newer.end("SIGTERM")).toBe(0);
  }
  const [copy = "", ...more] = await place.copies();
  expect(copy).toMatch(/hub\.db\.before-migration-\d{8}T\d{6}Z$/);
  expect(more).toEqual([]);
  expect((await stat(copy)).mode & 0o777).toBe(0o600);
  expect(log.filter((line) => line.includes(`"copy":"${copy}"`))).toHaveLength(1);
  expect(await runCommand(["verify-data"], { ...settings, DATABASE_URL: `file:${copy}` })).toMatchObject({ code: 0 });

  const refused = `carillon: the database file ${file} cannot be used: it was migrated by a newer version of Carillon: run that one, or restore a backup that was made before`;
  expect(await runCommand(["serve"], settings)).toEqual({ code: 1, lines: [], complaint: refused });
  expect(await runCommand(["restore", copy], settings)).toMatchObject({ code: 0 });
  status = 204;
  const [sent, asked] = [subscriber.deliveries.length, subscriber.verifications.length];
  await using older = await startHubProcess(settings);
  await until(() => subscriber.deliveries.length > sent && subscriber.verifications.length > asked);
  expect(await older.end("SIGTERM")).toBe(0);
  const { body, headers, target } = subscriber.deliveries.at(-1) ?? {};
  expect([target, body?.toString()]).toEqual(["/callback", "one"]);
  expect(headers?.["webhook-id"]).toBe(subscriber.deliveries[0]?.headers["webhook-id"]);
  expect(subscriber.verifications.at(-1)?.target).toContain("/asking?");
  expect(await runCommand(["verify-data"], settings)).toMatchObject({ code: 0 });
});

test("a new version that is killed while it copies leaves nothing that the next one to migrate does not remove; an import tells of the copy too", async () => {
  await using place = await openPlace();
  const { file, settings, next } = place;
  await makeEmptyFile(file);
  const large = new SqliteDatabase(file);
  large.exec("INSERT INTO body_parts (name, part, bytes) VALUES ('some', 0, zeroblob(30000000))").close();
  {
    const starting = spawnHubProcess(settings, { program: next, onLog: () => {} });
    const ended = starting.up.catch(() => undefined);
    const watching = watch(place.path, (_, name) => {
      if (name?.includes("partial")) starting.signal("SIGKILL");
    });
    expect(await ended).toBeUndefined();
    watching.close();
  }
  expect(await place.copies()).toContain(`${file}.partial`);
  const child = spawn(process.execPath, [...next.slice(0, -1), "import", "--database-url", `file:${file}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const told = await text(child.stderr);
  const [copy = "", ...more] = await place.copies();
  expect(more).toEqual([]);
  expect(told).toBe(`the database was copied to ${copy} before it was migrated; the copy is yours to remove\n`);
});
