import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import SqliteDatabase from "better-sqlite3";
import { afterEach, expect, test, vi } from "vitest";

import { openFolder } from "../move/odd-hub.ts";
import { callbacksAt, subscribeAll, ticking } from "../support/crowd.ts";
import { openHoldingSubscriber } from "../support/holding-subscriber.ts";
import { type HubProcess, startHubProcess } from "../support/hub-process.ts";
import { openPublisher } from "../support/publisher.ts";
import { toSubscribe } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub, type TestHub, type TestHubOptions } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

// Promise F: no room is a 503 and never a 2xx, a red /readyz, and it ends by itself.

const topic = "https://blog.example/feed";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A hub, and its own connection to the file: how large that may grow is for no other to say. */
async function openFillable(options: TestHubOptions = {}) {
  const spy = vi.spyOn(SqliteDatabase.prototype, "pragma");
  const hub = await openTestHub(options);
  const opened = spy.mock.contexts as readonly SqliteDatabase.Database[];
  const connection = opened.find(({ name }) => name === hub.file);
  if (connection === undefined) throw new Error("the hub has opened no file");
  const number = (name: string) => Number(connection.pragma(name, { simple: true }));
  return {
    hub,
    fill: () => void connection.pragma(`max_page_count = ${number("page_count") - number("freelist_count")}`),
    free: () => void connection.pragma("max_page_count = 1000000"),
    check: () => connection.pragma("integrity_check", { simple: true }),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  };
}

async function look(hub: TestHub | HubProcess, path: string): Promise<number> {
  return (await fetch(new URL(path, hub.url))).status;
}

test("promise F: SQLITE_FULL: 503, red, nothing broken; once there is room what was accepted is verified, and no more", async () => {
  await using fillable = await openFillable();
  const { hub, fill, free, check } = fillable;
  await using subscriber = await openSubscriber();
  fill();
  const accepted: string[] = [];
  let refused: Response | undefined;
  for (const callback of callbacksAt(subscriber, 1000)) {
    const answer = await hub.post(toSubscribe(topic, callback));
    if (answer.status === 202) accepted.push(callback);
    else refused ??= answer;
    if (refused !== undefined) break;
  }
  expect(accepted.length).toBeGreaterThan(0);
  expect(refused?.status).toBe(503);
  expect(refused?.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(await refused?.text()).toBe("the hub cannot store anything just now; try again later\n");
  expect([await look(hub, "/readyz"), await look(hub, "/livez")]).toEqual([503, 200]);
  free();
  hub.clock.advance(1000); // as long as an answer of /readyz holds

  expect(await look(hub, "/readyz")).toBe(200);
  await hub.drain();
  const asked = subscriber.verifications.map(({ target }) => `${subscriber.origin}${target.split("?", 1)[0]}`);
  expect(asked.toSorted()).toEqual(accepted.toSorted());
  expect((await hub.store.topics.find(topic))?.subscribers).toBe(accepted.length);
  expect(check()).toBe("ok");
});

test("promise F: deliveries in flight when the disk fills up are written down when there is room, and not made again", async () => {
  await using fillable = await openFillable({ running: true });
  const { hub, fill, free, check } = fillable;
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  publisher.serve("/feed", { body: "content" });
  const feed = publisher.topic("/feed");
  await subscribeAll(hub, feed, callbacksAt(subscriber, 150));
  await hub.post({ "hub.mode": "publish", "hub.url": feed });
  await ticking(hub, () => subscriber.open.length > 0);
  fill();
  subscriber.release(204);
  await ticking(hub, () => subscriber.deliveries.length === 150);
  await ticking(hub, async () => (await look(hub, "/readyz")) === 503);
  const progress = () => hub.store.fanOuts.progress({ topicId: 1, seq: 1 });
  expect(await progress()).toMatchObject({ done: false });
  free();

  await ticking(hub, async () => (await progress())?.done === true);
  expect(await progress()).toMatchObject({ delivered: 150, behind: 0 });
  expect(subscriber.deliveries).toHaveLength(150);
  expect(check()).toBe("ok");
});

/** A small disk of its own. Undefined where this machine lets us have none. */
function mountDisk(path: string): Disposable | undefined {
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "carillon-test", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return { [Symbol.dispose]: () => void execFileSync("umount", ["--lazy", path]) };
}

/** Takes all that is left of the disk. */
function fillDisk(file: string): void {
  try {
    for (;;) appendFileSync(file, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

/** How large files may get that the process writes to. */
function limitFiles({ pid }: HubProcess, bytes: number | "unlimited"): boolean {
  try {
    execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Makes trouble for a hub with a delivery in flight, sees it refuse and turn red, and ends the trouble. */
async function recoverFrom(
  file: string,
  trouble: { begin: (hub: HubProcess) => boolean; end: (hub: HubProcess) => void },
) {
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  const logged: string[] = [];
  const settings = { DATABASE_URL: `file:${file}`, FETCH_MIN_INTERVAL_SECONDS: "0", DELIVERY_THREADS: "0" };
  await using hub = await startHubProcess(settings, { onLog: (line) => logged.push(line) });
  const feed = publisher.topic("/feed");
  const post = async (form: Readonly<Record<string, string>>) =>
    (await fetch(hub.url, { method: "POST", body: new URLSearchParams(form) })).status;
  const subscribe = (path: string) => post(toSubscribe(feed, subscriber.callback(path)));
  await subscribe("/first");
  await until(async () => {
    publisher.serve("/feed", { body: "one" });
    await post({ "hub.mode": "publish", "hub.url": feed });
    await pause(20);
    return subscriber.open.length === 1;
  });
  if (!trouble.begin(hub)) return undefined;
  const accepted: string[] = [];
  let status = 202;
  for (let i = 0; status === 202; i += 1) {
    status = await subscribe(`/${i}`);
    if (status === 202) accepted.push(`/${i}`);
  }
  subscriber.release(204);
  await until(async () => (await look(hub, "/readyz")) === 503);
  const livez = await look(hub, "/livez");
  trouble.end(hub);
  await until(async () => (await look(hub, "/readyz")) === 200);
  await until(() =>
    accepted.every((path) => subscriber.verifications.some(({ target }) => target.startsWith(`${path}?`))),
  );
  const after = await subscribe("/after");
  const code = await hub.end("SIGTERM");
  const database = new SqliteDatabase(file, { readonly: true });
  const health = database.pragma("integrity_check", { simple: true });
  const owed = database.prepare("SELECT count(*) FROM behind").pluck().get();
  database.close();
  const reasons = logged.filter((line) => line.includes('"msg":"not ready"')).join("\n");
  return { status, livez, after, code, health, owed, deliveries: subscriber.deliveries.length, reasons };
}

const recovered = { status: 503, livez: 200, after: 202, code: 0, health: "ok", owed: 0, deliveries: 1 };

test("promise F: a disk that is full: the same, in a process that it happens to", async ({ skip }) => {
  await using folder = await openFolder();
  const path = join(folder.path, "disk");
  using disk = mountDisk(path);
  if (disk === undefined) return skip("this machine lets us mount no disk of our own");
  const filler = join(path, "filler");
  const found = await recoverFrom(join(path, "hub.db"), {
    begin: () => {
      fillDisk(filler);
      return true;
    },
    end: () => rmSync(filler),
  });
  expect(found).toMatchObject(recovered);
  expect(found?.reasons).toMatch("database or disk is full");
});

test("promise F: a disk that fails to write: the same", async ({ skip }) => {
  await using folder = await openFolder();
  const file = join(folder.path, "hub.db");
  const found = await recoverFrom(file, {
    begin: (hub) => limitFiles(hub, statSync(`${file}-wal`).size + 20_000),
    end: (hub) => void limitFiles(hub, "unlimited"),
  });
  if (found === undefined) return skip("there is no prlimit");
  expect(found).toMatchObject(recovered);
  expect(found.reasons).toMatch("disk I/O error");
});
