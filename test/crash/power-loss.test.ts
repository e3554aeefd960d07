import { writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { type HubProcess, startHubProcess } from "../support/hub-process.ts";
import { openPublisher } from "../support/publisher.ts";
import { toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { echo, openSubscriber } from "../support/subscriber.ts";
import { countUnflushed, losePower } from "./power.ts";
import { untilSettled } from "./settle.ts";
import { openSqliteFile } from "./sqlite-file.ts";

// Traffic that is cut off in the middle of anything is in test/crash/crash.test.ts.

/** After its first request a host waits for a minute, and after its first fetch a topic for an hour: the hub writes nothing but what it accepts. */
const waiting = { VERIFICATIONS_PER_MINUTE: "1", FETCH_MIN_INTERVAL_SECONDS: "3600", LOG_LEVEL: "silent" };

test("promises A and B: on SQLite what was answered 2xx is on disk by then, from the first start on", async ({
  skip,
}) => {
  await using database = await openSqliteFile(() => 0);
  const { file } = database;
  writeFileSync(`${file}-written`, "something");
  const unflushed = countUnflushed(`${file}-written`);
  skip(unflushed === undefined, "this file system does not tell what is not flushed");
  expect(unflushed).toBe(4096);
  let isSilent = true;
  await using subscriber = await openSubscriber({ verify: (request) => (isSilent ? "hang" : echo(request)) });
  await using publisher = await openPublisher();
  publisher.serve("/feed", { body: "content" });
  const [topic, callback] = [publisher.topic("/feed"), subscriber.callback("/first")];
  const start = () => startHubProcess({ ...waiting, DATABASE_URL: database.url });

  await using first = await start();
  await post(first, toSubscribe(topic, callback));
  await first.end("SIGKILL");
  losePower(file, () => 0);
  isSilent = false;
  await using second = await start();
  await untilSettled(database);
  const ping = { "hub.mode": "publish", "hub.url": topic };
  await post(second, ping);
  await untilSettled(database);
  expect(subscriber.deliveries.map(({ target }) => target)).toEqual(["/first"]);

  const forms = [toSubscribe(topic, subscriber.callback("/second")), toUnsubscribe(topic, callback), ping];
  await Promise.all(forms.map((form) => post(second, form)));
  await second.end("SIGKILL");
  expect([countUnflushed(file), countUnflushed(`${file}-wal`)]).toEqual([0, 0]);
});

async function post({ url }: HubProcess, form: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}
