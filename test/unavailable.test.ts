import SqliteDatabase from "better-sqlite3";
import { pino } from "pino";
import { expect, test } from "vitest";

import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import { openPublisher } from "./support/publisher.ts";
import { openSubscriber } from "./support/subscriber.ts";
import { openTestHub, type TestHub } from "./support/test-hub.ts";

// Promise F: what cannot be stored is never said to be, and the hub recovers by itself.

/** Another program holds the database until this is disposed of. */
function lockDatabase(hub: TestHub): Disposable {
  const other = new SqliteDatabase(hub.file);
  other.exec("BEGIN IMMEDIATE");
  return {
    [Symbol.dispose]: () => {
      other.close();
    },
  };
}

function ready(hub: TestHub): Promise<Response> {
  return fetch(new URL("/readyz", hub.url));
}

test("promise F: while the database is locked requests get 503 and /readyz is red, and afterwards all is well", async () => {
  await using hub = await openTestHub();
  const pair = { "hub.topic": "https://blog.example/feed", "hub.callback": "https://reader.example/cb" };
  const lock = lockDatabase(hub);
  const refused = await hub.post({ ...pair, "hub.mode": "subscribe" });
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(await refused.text()).toBe("the hub cannot store anything just now; try again later\n");
  expect((await hub.post({ "hub.mode": "publish", "hub.url": pair["hub.topic"] })).status).toBe(503);
  expect((await ready(hub)).status).toBe(503);
  expect((await fetch(new URL("/livez", hub.url))).status).toBe(200);
  lock[Symbol.dispose]();
  hub.clock.advance(1000); // as long as an answer is kept

  expect((await ready(hub)).status).toBe(200);
  expect((await hub.post({ ...pair, "hub.mode": "subscribe" })).status).toBe(202);
});

test("/readyz asks the store once a second, whoever asks; why it is red is in the log and for no stranger", async () => {
  const told: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => told.push(line) });
  await using hub = await openTestHub({ log });
  const ask = async () => {
    const answer = await ready(hub);
    return [answer.status, await answer.text()];
  };
  expect(await ask()).toEqual([200, "ok\n"]);
  const lock = lockDatabase(hub);
  expect(await ask()).toEqual([200, "ok\n"]);
  for (const _ of [1, 2]) {
    hub.clock.advance(1000);
    expect(await ask()).toEqual([503, "not ready\n"]);
  }
  lock[Symbol.dispose]();
  expect(await ask()).toEqual([503, "not ready\n"]);
  hub.clock.advance(1000);
  expect(await ask()).toEqual([200, "ok\n"]);
  expect(told.filter((line) => line.includes("ready"))).toEqual([
    expect.stringMatching(/database is locked.*"msg":"not ready"/),
    expect.stringContaining('"msg":"ready again"'),
  ]);
});

test("promise F: deliveries made while the database is locked are written down when it is free, and not repeated", async () => {
  await using hub = await openTestHub({ running: true });
  await using publisher = await openPublisher();
  publisher.serve("/feed", { body: "content" });
  let lock: Disposable | undefined;
  await using subscriber = await openSubscriber({
    receive: () => {
      lock ??= lockDatabase(hub);
      return { status: 204 };
    },
  });
  const topic = publisher.topic("/feed");
  await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": subscriber.callback() });
  await subscriber.seen(1);
  await hub.drain();
  await hub.post({ "hub.mode": "publish", "hub.url": topic });
  await subscriber.seen(2);
  expect((await ready(hub)).status).toBe(503);
  lock?.[Symbol.dispose]();
  hub.clock.advance(1000);
  await hub.drain();

  expect(subscriber.deliveries).toHaveLength(1);
  expect(await hub.store.fanOuts.progress({ topicId: 1, seq: 1 })).toMatchObject({ done: true, delivered: 1 });
});

test("a second process on the same file is refused: two would deliver everything twice", async () => {
  await using hub = await openTestHub();

  expect(() => openSqliteStore(hub.file, "src/store/sqlite/migrations")).toThrow(/another process uses it/);
});

test("CARILLON_DB_MAX_MB: from that size on nothing new is taken and /readyz is red, what was taken goes on, and it ends by itself", async () => {
  await using hub = await openTestHub({ settings: { DB_MAX_MB: "1" } });
  await using publisher = await openPublisher();
  let status = 500;
  await using subscriber = await openSubscriber({ receive: () => ({ status }) });
  const topic = publisher.topic("/feed");
  await hub.subscribe(topic, subscriber.callback());
  expect((await ready(hub)).status).toBe(200);

  publisher.serve("/feed", { body: "x".repeat(1_500_000) });
  await hub.publish(topic); // and is owed
  await hub.pass(1000); // an answer of /readyz holds for so long
  const wanted = { "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": subscriber.callback("/other") };
  const refused = await hub.post(wanted);
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("10");
  expect(await refused.text()).toBe("the hub stores no more just now; try again later\n");
  expect((await hub.post({ "hub.mode": "publish", "hub.url": topic })).status).toBe(503);
  expect((await ready(hub)).status).toBe(503);

  status = 204;
  await hub.pass(6000);
  expect(subscriber.deliveries.map(({ body }) => body.length)).toEqual([1_500_000, 1_500_000]);
  expect((await hub.post(wanted)).status).toBe(202);
  expect((await ready(hub)).status).toBe(200);
});
