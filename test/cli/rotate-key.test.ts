import { createSecretKey } from "node:crypto";

import { describe, expect, test } from "vitest";

import { createSecrets } from "../../src/secrets.ts";
import type { Store } from "../../src/store/store.ts";
import { found, intent, settleIntents, start } from "../conformance/support.ts";
import { type Place, places } from "../secrets/places.ts";
import { openPublisher } from "../support/publisher.ts";
import { signatureOf } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";
import { startProgram } from "./program.ts";

const [former, key] = ["0f".repeat(32), "1e".repeat(32)];
const [id = ""] = createSecrets([createSecretKey(key, "hex")]).ids;

function run({ url }: Pick<Place, "url">, words: readonly string[], keys: string) {
  return startProgram(words, { CARILLON_DATABASE_URL: url, CARILLON_SECRET_KEY: keys });
}

/** As many subscriptions as several batches are, with secrets that are kept plain. */
async function addMany(store: Store, count: number): Promise<void> {
  const asked = Array.from({ length: count }, (_, i) =>
    intent({ callback: `https://reader.example/${i}`, secret: "s" }),
  );
  await Promise.all(asked.map((one) => store.intents.addIntent(one, start)));
  await settleIntents(store, { next: "apply", verifiedAt: start });
}

describe.each(places)("$kind: carillon rotate-key", ({ kind, open }) => {
  test("seals everything with the first key while a hub goes on, and says so", async () => {
    await using place = await open();
    await using hub = await openTestHub({ database: place, settings: { SECRET_KEY: `${key},${former}` } });
    await using publisher = await openPublisher();
    await using subscriber = await openSubscriber();
    const topic = publisher.topic("/feed");
    await addMany(hub.store, 1600);

    await using program = run(place, ["rotate-key"], `${key},${former}`);
    const over = program.ended.then(() => true);
    let count = 0;
    while (!(await Promise.race([over, Promise.resolve(false)]))) {
      await hub.subscribe(topic, subscriber.callback(`/${count}`), { "hub.secret": `${count}` });
      count += 1;
    }
    expect(await program.ended).toEqual({ code: 0, complaint: "" });
    expect(program.lines[0]).toBe(`1600 secrets were sealed with key ${id}`);
    expect(program.lines[1]).toMatch(/^No other key is in use any more/);
    expect(program.lines).toHaveLength(kind === "SQLite" ? 3 : 2);

    const kept = await hub.store.secrets.listSecrets("subscriptions", 0, 1600 + count);
    expect(kept.filter(({ secret }) => secret.startsWith(`sealed:1:${id}:`))).toHaveLength(1600 + count);
    await hub.restart({ SECRET_KEY: key });
    publisher.serve("/feed", { body: "one" });
    await hub.publish(topic);
    expect(subscriber.deliveries).toHaveLength(count);
    for (const { target, headers, body } of subscriber.deliveries)
      expect(headers["x-hub-signature"]).toBe(signatureOf(body, target.slice(1)));
  });

  test("ends with 2 when a key is missing, and with 1 when there is no such database", async () => {
    await using place = await open();
    {
      await using hub = await openTestHub({ database: place, settings: { SECRET_KEY: former } });
      await hub.store.intents.addIntent(intent({ secret: "s" }), start);
    }
    await using refused = run(place, ["rotate-key"], "");
    expect(await refused.ended).toMatchObject({ code: 2, complaint: expect.stringContaining("not set") as string });
    await using lost = run({ url: `${place.url}_none` }, ["rotate-key"], key);
    expect(await lost.ended).toMatchObject({ code: 1, complaint: expect.stringMatching(/cannot be used/) as string });
  });
});

test("SQLite: without a hub carillon rotate-key leaves nothing in the file of what was plain", async () => {
  await using place = await found(places[0]).open();
  {
    await using hub = await openTestHub({ database: place, settings: { SECRET_KEY: "" } });
    for (const callback of ["https://reader.example/1", "https://reader.example/2"])
      await hub.store.intents.addIntent(intent({ callback, secret: "a secret in plain" }), start);
    await settleIntents(hub.store, { next: "apply", verifiedAt: start });
    await hub.store.subscriptions.remove(intent().topic, "https://reader.example/1");
  }
  expect(await place.read()).toContain("a secret in plain");
  await using program = run(place, ["rotate-key"], key);
  expect(await program.ended).toEqual({ code: 0, complaint: "" });
  expect(program.lines).toEqual([
    `1 secrets were sealed with key ${id}`,
    expect.stringMatching(/^No other key is in use any more/),
  ]);
  expect(await place.read()).not.toContain("a secret in plain");
});

test("no key is ever printed: not by config, a refused start, or a mistyped command line", async () => {
  await using stack = new AsyncDisposableStack();
  const keys = `${key},${former}`;
  const nowhere = { url: "file:/dev/null/carillon.db" };
  const programs = [
    run(nowhere, ["config"], keys),
    run(nowhere, ["serve"], keys),
    run(nowhere, ["serve"], `${key}0,${former}`),
    run(nowhere, ["rotate-key"], keys),
    run(nowhere, ["rotate-key", key, former], keys),
    run(nowhere, ["serve", "--secret-key", key.slice(1), former], ""),
    run(nowhere, ["serve", `--secret-keys=${key}`], ""),
    run(nowhere, ["serve", `--secret-key-file=${keys}`], ""),
    startProgram(["serve"], { CARILLON_SECRET_KEYS: keys, CARILLON_PORT: "x" }),
  ];
  for (const program of programs) stack.use(program);
  const said = await Promise.all(
    programs.map(async (program) => (await program.ended).complaint + program.lines.join()),
  );
  expect(said[0]).toMatch(/CARILLON_SECRET_KEY +\*\*\* +environment/);
  expect(said[2]).toContain(`CARILLON_SECRET_KEY is "***": number 1 in the list`);
  for (const text of said) {
    expect(text).not.toBe("");
    for (const part of [key, former]) expect(text).not.toContain(part.slice(1));
  }
});
