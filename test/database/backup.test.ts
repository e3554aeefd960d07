import { copyFile, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";

import { startProgram } from "../cli/program.ts";
import { found } from "../conformance/support.ts";
import { makeEmptyFile, openFolder } from "../move/odd-hub.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub, type TestHub, testSecretKey } from "../support/test-hub.ts";
import { runCommand } from "../support/command.ts";

/** A folder with a database file in it, which need not be there yet. */
async function openPlace() {
  const folder = await openFolder();
  const file = join(folder.path, "hub.db");
  const settings = { DATABASE_URL: `file:${file}`, SECRET_KEY: testSecretKey };
  return {
    file,
    at: (name: string) => join(folder.path, name),
    openHub: (running = false) => openTestHub({ database: { url: `file:${file}` }, running }),
    command: (...words: readonly string[]) => runCommand(words, settings),
    start: (...words: readonly string[]) =>
      startProgram(words, {
        CARILLON_DATABASE_URL: `file:${file}`,
        CARILLON_SECRET_KEY: testSecretKey,
      }),
    verify: (name: string) =>
      runCommand(["verify-data"], { ...settings, DATABASE_URL: `file:${join(folder.path, name)}` }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function idOf(hub: TestHub, topic: string, callback: string) {
  return hub.store.subscriptions.find(topic, callback).then((subscription) => subscription?.id);
}

test("carillon backup: what was acknowledged before it is in it, whatever the hub does meanwhile, and the hub is not held up", async () => {
  await using place = await openPlace();
  await using subscriber = await openSubscriber();
  await using hub = await place.openHub(true);
  const topic = "https://blog.example/feed";
  const ask = async (path: string) => {
    const form = { "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": subscriber.callback(path) };
    expect((await hub.post(form)).status).toBe(202);
  };
  await ask("/before");
  await using program = place.start("backup", place.at("backup.db"));
  const over = program.ended.then(() => true);
  let slowest = 0;
  for (let i = 0; !(await Promise.race([over, Promise.resolve(false)])); i += 1) {
    const from = performance.now();
    await ask(`/${i}`);
    slowest = Math.max(slowest, performance.now() - from);
  }
  expect(await program.ended).toEqual({ code: 0, complaint: "" });
  expect(slowest).toBeLessThan(1000);
  expect(program.lines[0]).toMatch(
    /hub\.db was backed up to .*backup\.db, checked and on disk: \d+ topics, \d+ subscr/,
  );
  expect((await stat(place.at("backup.db"))).mode & 0o777).toBe(0o600);
  expect((await readdir(place.at("."))).filter((name) => name.startsWith("backup"))).toEqual(["backup.db"]);
  expect(await place.verify("backup.db")).toMatchObject({ code: 0 });
  const copy = new SqliteDatabase(place.at("backup.db"), { readonly: true });
  const asked = "SELECT callback FROM intents UNION SELECT callback FROM subscriptions";
  expect(copy.prepare(asked).pluck().all()).toContain(subscriber.callback("/before"));
  copy.close();
});

test("carillon backup writes a file alone, and leaves none when it is stopped", async () => {
  await using place = await openPlace();
  await makeEmptyFile(place.file);
  // For so long nobody reads the database.
  const holder = new SqliteDatabase(place.file);
  holder.pragma("journal_mode = DELETE");
  holder.exec("BEGIN EXCLUSIVE");
  const to = place.at("backup.db");
  await writeFile(to, "the one before");
  const names = () => readdir(place.at(".")).then((all) => all.filter((name) => name.startsWith("backup")));
  await using one = place.start("backup", "--force", to);
  await using other = place.start("backup", "--force", to);
  const [refused, writing] = await Promise.race([
    one.ended.then((ended) => [ended, other] as const),
    other.ended.then((ended) => [ended, one] as const),
  ]);
  const held = `carillon: nothing was backed up: another backup is being written to ${to}\n`;
  expect(refused).toEqual({ code: 1, complaint: held });
  writing.signal("SIGTERM");
  holder.close();
  expect(await writing.ended).toEqual({ code: 1, complaint: "carillon: nothing was backed up: it was stopped\n" });
  expect(await names()).toEqual(["backup.db"]);
  expect(await readFile(to, "utf8")).toBe("the one before");
});

test("carillon backup overwrites nothing unless it is told to, and nothing of the database itself even then", async () => {
  await using place = await openPlace();
  const nothing = (reason: string) => ({ code: 1, lines: [], complaint: `carillon: nothing was backed up: ${reason}` });
  const to = place.at("backup.db");
  expect(await place.command("backup", to)).toEqual(nothing(`there is no database ${place.file}`));
  new SqliteDatabase(place.file).exec("CREATE TABLE topics (id)").close();
  const another = nothing("it holds the tables of another program: name another file");
  expect(await place.command("backup", to)).toEqual(another);
  await rm(place.file);
  await makeEmptyFile(place.file);
  await writeFile(to, "something else");
  const taken = nothing(`${to} exists already: name another file, or add --force`);
  expect(await place.command("backup", to)).toEqual(taken);
  expect(await readFile(to, "utf8")).toBe("something else");
  expect(await place.command("backup", "--force", to)).toMatchObject({ code: 0 });
  expect(await place.verify("backup.db")).toMatchObject({ code: 0 });
  for (const name of ['it\'s "100 %"; ünï?#.db', "blank.db "]) {
    expect(await place.command("backup", place.at(name))).toMatchObject({ code: 0, complaint: "" });
    expect((await stat(place.at(name))).size).toBe((await stat(to)).size);
  }

  for (const end of ["", "-wal", "-lock"]) {
    const ours = nothing(`${place.file}${end} belongs to the database itself: name another file`);
    expect(await place.command("backup", `${place.file}${end}`, "--force")).toEqual(ours);
  }
  await mkdir(place.at("folder"));
  const folder = nothing(`${place.at("folder")} is a folder: name a file in it`);
  expect(await place.command("backup", place.at("folder"), "--force")).toEqual(folder);
  const nowhere = nothing(`there is no folder ${place.at("no")}`);
  expect(await place.command("backup", place.at("no/backup.db"))).toEqual(nowhere);
  for (const words of [[], [to, "two"]]) expect(await place.command("backup", ...words)).toMatchObject({ code: 2 });
});

test("carillon backup and restore say how it is done with PostgreSQL's own tools", async () => {
  const settings = { DATABASE_URL: "postgres://u:hidden@db.example/hub" };
  const backup = await runCommand(["backup", "hub's.dump"], settings);
  expect(backup).toMatchObject({
    code: 1,
    complaint: expect.stringMatching(/: pg_dump .*--file='hub'\\''s\.dump' "\$CARILLON_DATABASE_URL"$/) as string,
  });
  const restored = await runCommand(["restore", "hub.dump"], settings);
  expect(restored).toMatchObject({
    code: 1,
    complaint: expect.stringMatching(/: pg_restore .*--dbname="\$CARILLON_DATABASE_URL" hub\.dump$/) as string,
  });
  expect(backup.complaint + restored.complaint).not.toContain("hidden");
});

test("carillon restore brings back what a backup holds, and what it owes is delivered; the former file is kept, with all that was in it", async () => {
  await using place = await openPlace();
  await using publisher = await openPublisher();
  let status = 500;
  await using subscriber = await openSubscriber({ receive: () => ({ status }) });
  const [topic, callback] = [publisher.topic("/feed"), subscriber.callback()];
  publisher.serve("/feed", { body: "one" });
  const backup = place.at("backup.db");
  {
    await using hub = await place.openHub();
    await hub.subscribe(topic, callback, { "hub.secret": "s" });
    await hub.publish(topic);
    expect(await place.command("backup", backup)).toMatchObject({ code: 0 });
    await hub.subscribe(topic, subscriber.callback("/later"));
    const refused = await place.command("restore", backup);
    expect(refused).toMatchObject({ code: 1, complaint: expect.stringContaining("another process uses it") as string });
    // As kill -9 leaves them.
    for (const end of ["", "-wal"]) await copyFile(`${place.file}${end}`, place.at(`killed.db${end}`));
  }
  for (const end of ["", "-wal"]) await copyFile(place.at(`killed.db${end}`), `${place.file}${end}`);
  const sent = subscriber.deliveries.length;

  const { code, lines } = await place.command("restore", backup);
  expect({ code, lines }).toEqual({
    code: 0,
    lines: [
      expect.stringMatching(/hub\.db was restored from .*backup\.db: 1 topics, 1 subscriptions, \d+ MB$/),
      expect.stringMatching(/^What was there before is kept as .*hub\.db\.before-restore-\d{8}T\d{6}Z$/),
    ],
  });
  const former = new SqliteDatabase(found(lines[1]?.split(" kept as ")[1]));
  expect(former.prepare("SELECT count(*) FROM subscriptions").pluck().get()).toBe(2);
  former.close();

  status = 204;
  await using hub = await place.openHub();
  expect(await idOf(hub, topic, callback)).toBe(1);
  expect(await idOf(hub, topic, subscriber.callback("/later"))).toBeUndefined();
  await hub.pass(6000);
  expect(subscriber.deliveries.slice(sent).map(({ target, body }) => `${target} ${body.toString()}`)).toEqual([
    "/callback one",
  ]);
  expect(await place.command("verify-data")).toMatchObject({ code: 0 });
});

test("carillon restore refuses what is no backup, and then the database is what it was", async () => {
  await using place = await openPlace();
  await makeEmptyFile(place.file);
  const make = async (name: string, statement: string) => {
    await copyFile(place.file, place.at(name));
    new SqliteDatabase(place.at(name)).exec(statement).close();
  };
  await make("newer.db", "UPDATE __drizzle_migrations SET created_at = created_at + 1");
  new SqliteDatabase(place.at("other.db")).exec("CREATE TABLE topics (id)").close();
  await writeFile(place.at("text.db"), "no database at all".repeat(100));
  await writeFile(place.at("empty.db"), "");
  const damaged = await readFile(place.file);
  await writeFile(place.at("damaged.db"), damaged.fill(0xee, 8192, 16_384));
  const before = await readFile(place.file);

  for (const [name, reason] of [
    ["newer.db", /newer\.db cannot be restored: .*it was migrated by a newer version of Carillon/],
    ["other.db", /other\.db cannot be restored: .*it holds the tables of another program/],
    ["text.db", /text\.db cannot be restored: .*file is not a database/],
    ["empty.db", /empty\.db is empty/],
    ["damaged.db", /damaged\.db cannot be restored: .*malformed/],
    ["none.db", /there is no file .*none\.db/],
    ["hub.db", /hub\.db is the database itself/],
  ] as const) {
    const { code, complaint } = await place.command("restore", place.at(name));
    expect(code).toBe(1);
    expect(complaint).toMatch(reason);
    expect(complaint).toMatch(/^carillon: nothing was restored: /);
  }
  expect((await readFile(place.file)).equals(before)).toBe(true);
  expect((await readdir(place.at("."))).filter((name) => name.startsWith("hub.db"))).toEqual(["hub.db", "hub.db-lock"]);
});

test("whatever links lead to the database: one process uses it, backup does not touch it, restore puts the new one where it was", async () => {
  await using place = await openPlace();
  await mkdir(place.at("disk"));
  await mkdir(place.at("names"));
  await symlink(place.at("disk"), place.at("linked"));
  const [real, link] = [place.at("disk/hub.db"), place.at("names/hub.db")];
  await makeEmptyFile(real);
  await symlink(real, link);
  const by = (file: string, ...words: readonly string[]) => runCommand(words, { DATABASE_URL: `file:${file}` });
  expect(await by(link, "backup", place.at("backup.db"))).toMatchObject({ code: 0 });
  const ours = expect.stringContaining("hub.db belongs to the database itself: name another file") as string;
  for (const [file, to] of [
    [real, place.at("linked/hub.db")],
    [link, real],
  ] as const)
    expect(await by(file, "backup", "--force", to)).toMatchObject({ code: 1, complaint: ours });
  {
    await using hub = await openTestHub({ database: { url: `file:${real}` } });
    const held = expect.stringContaining("another process uses it") as string;
    expect(await by(link, "serve")).toMatchObject({ code: 1, complaint: held });
    expect(await by(place.at("linked/hub.db"), "serve")).toMatchObject({ code: 1, complaint: held });
    expect(hub.store).toBeDefined();
  }
  expect(await by(link, "restore", place.at("backup.db"))).toMatchObject({ code: 0 });
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  const name = expect.stringMatching(/^hub\.db\.before-restore-/) as string;
  const names = (await readdir(place.at("disk"))).filter((one) => one.startsWith("hub.db"));
  expect(names.toSorted()).toEqual(["hub.db", "hub.db-lock", name]);
});

test("carillon restore keeps a -wal that was left without its file, and names a backup that cannot be read", async () => {
  await using place = await openPlace();
  await makeEmptyFile(place.at("backup.db"));
  await writeFile(`${place.file}-wal`, "the last writes");
  await mkdir(place.at("folder"));
  const unread = expect.stringContaining(`nothing was restored: ${place.at("folder")} cannot be restored: `) as string;
  expect(await place.command("restore", place.at("folder"))).toMatchObject({ code: 1, complaint: unread });

  const { code, lines } = await place.command("restore", place.at("backup.db"));
  expect(code).toBe(0);
  const kept = found(lines[1]?.split(" kept as ")[1]);
  expect(kept).toMatch(/before-restore-.*-wal$/);
  expect(await readFile(kept, "utf8")).toBe("the last writes");
  expect(await place.command("verify-data")).toMatchObject({ code: 0 });
});
