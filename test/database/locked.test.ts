import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { env } from "node:process";
import { setTimeout as pause } from "node:timers/promises";

import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";

import { makeEmptyFile, openFolder } from "../move/odd-hub.ts";
import { startHubProcess } from "../support/hub-process.ts";
import { openPublisher } from "../support/publisher.ts";
import { toSubscribe } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { until } from "../support/until.ts";

/** How long another process holds the database. Longer takes no other way: `CARILLON_TEST_LOCK_SECONDS=20`. */
const heldMs = Number(env["CARILLON_TEST_LOCK_SECONDS"] ?? 0.5) * 1000;

function lock(file: string): Disposable {
  const other = new SqliteDatabase(file);
  other.exec("BEGIN EXCLUSIVE");
  return {
    [Symbol.dispose]: () => {
      other.close();
    },
  };
}

test("promise F: while another process holds the database 503 and never a 2xx, /readyz red and told why, health at once, and then all goes on", async () => {
  await using folder = await openFolder();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const file = join(folder.path, "hub.db");
  const logged: string[] = [];
  const hub = await startHubProcess(
    { DATABASE_URL: `file:${file}`, FETCH_MIN_INTERVAL_SECONDS: "0" },
    {
      onLog: (line) => logged.push(line),
    },
  );
  const topic = publisher.topic("/feed");
  const post = (form: Readonly<Record<string, string>>) =>
    fetch(hub.url, { method: "POST", body: new URLSearchParams(form) }).then(({ status }) => status);
  const look = (path: string) => fetch(new URL(path, hub.url)).then(({ status }) => status);
  const ping = { "hub.mode": "publish", "hub.url": topic };
  expect(await post(toSubscribe(topic, subscriber.callback()))).toBe(202);
  await subscriber.seen(1);
  publisher.serve("/feed", { body: "one" });
  await until(async () => (await post(ping)) === 204 && publisher.fetches.length > 0);
  await subscriber.seen(2);
  publisher.serve("/feed", { body: "two" });
  expect(await post(ping)).toBe(204);

  const held = lock(file);
  const endMs = performance.now() + heldMs;
  const answers = new Set<number>();
  let slowest = 0;
  for (let i = 0; performance.now() < endMs; i += 1) {
    const asked = Promise.all([post(toSubscribe(topic, subscriber.callback(`/${i}`))), post(ping)]);
    const from = performance.now();
    expect(await look("/livez")).toBe(200);
    slowest = Math.max(slowest, performance.now() - from);
    for (const status of await asked) answers.add(status);
  }
  expect([...answers]).toEqual([503]);
  expect(slowest).toBeLessThan(2000);
  expect(await look("/readyz")).toBe(503);
  held[Symbol.dispose]();

  await until(async () => (await look("/readyz")) === 200);
  expect(await post(toSubscribe(topic, subscriber.callback("/after")))).toBe(202);
  await until(() => subscriber.deliveries.some(({ body }) => body.toString() === "two"));
  expect(await hub.end("SIGTERM")).toBe(0);
  const reasons = logged.filter((line) => line.includes('"msg":"not ready"'));
  expect(reasons).toEqual([expect.stringContaining("database is locked: another program holds it")]);
});

test("a start waits for a database that another process holds, 5 s and no longer", async () => {
  await using folder = await openFolder();
  const file = join(folder.path, "hub.db");
  await makeEmptyFile(file);
  const held = lock(file);
  await rm(`${file}-lock`);
  const logged: string[] = [];
  const from = performance.now();
  const starting = startHubProcess({ DATABASE_URL: `file:${file}` }, { onLog: (line) => logged.push(line) }).then(
    (hub) => ({ hub, ms: performance.now() - from }),
    () => ({ hub: undefined, ms: performance.now() - from }),
  );
  // It is there now, and has come to the database.
  await until(() => existsSync(`${file}-lock`));
  await pause(heldMs);
  held[Symbol.dispose]();
  const { hub, ms } = await starting;
  const isLong = heldMs > 10_000;
  expect(hub === undefined).toBe(isLong);
  expect(ms).toBeGreaterThan(isLong ? 5000 : heldMs);
  const told = logged.filter((line) => line.includes("database is locked: another program holds it"));
  expect(told).toHaveLength(isLong ? 1 : 0);
  expect(await hub?.end("SIGTERM")).toBe(isLong ? undefined : 0);
});
