import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { describe, expect, test } from "vitest";

import { after, found, intent, settleIntents } from "../conformance/support.ts";
import { openFolder } from "../move/odd-hub.ts";
import { type Place, places } from "../secrets/places.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub, testSecretKey } from "../support/test-hub.ts";
import { until } from "../support/until.ts";
import { startProgram } from "../cli/program.ts";
import { runCommand } from "../support/command.ts";

const topic = "https://blog.example/feed";

function command(
  { url }: Pick<Place, "url">,
  words: readonly string[],
  input: string | Buffer = "",
  more: Record<string, string> = {},
) {
  const settings = { DATABASE_URL: url, SECRET_KEY: testSecretKey, ALLOW_CIDRS: "127.0.0.0/8", ...more };
  return runCommand(words, settings, input);
}

function lineOf(more: Record<string, unknown> = {}): string {
  return JSON.stringify({ topic, callback: "https://reader.example/1", ...more });
}

describe.each(places)("$kind: carillon export and import", ({ kind, open }) => {
  test("what one hub exports another imports, and delivers, signed, without asking anybody", async () => {
    await using there = await open();
    await using here = await open();
    await using publisher = await openPublisher();
    await using subscriber = await openSubscriber();
    const feed = publisher.topic("/feed");
    const now = new Date();
    await using exporting = await openTestHub({ database: there, now });
    await exporting.subscribe(feed, subscriber.callback("/1"), { "hub.secret": "s", "hub.signature_method": "sha512" });
    await exporting.subscribe(feed, subscriber.callback("/2"), { "hub.lease_seconds": "5000" });
    const ends = (seconds: number) => new Date(now.getTime() + seconds * 1000).toISOString();
    const [one, two] = [
      { topic: feed, callback: subscriber.callback("/1"), lease_ends_at: ends(864_000), signature_method: "sha512" },
      { topic: feed, callback: subscriber.callback("/2"), lease_ends_at: ends(5000) },
    ];

    const open1 = await command(there, ["export"]);
    expect(open1.lines.map((line) => JSON.parse(line) as unknown)).toEqual([{ ...one, has_secret: true }, two]);
    expect(open1).toMatchObject({
      code: 0,
      complaint: expect.stringMatching(/^2 subscr[^]*\n1 of them have a secr/) as string,
    });
    const told = await command(there, ["export", "--secrets"]);
    expect(told.lines.map((line) => JSON.parse(line) as unknown)).toEqual([{ ...one, secret: "s" }, two]);

    const input = `\uFEFF${told.lines.join("\r\n\r\n")}`;
    const count = subscriber.verifications.length;
    expect(await command(here, ["import"], input)).toEqual({
      code: 0,
      lines: ["2 subscriptions were imported, and none was verified: you vouch that their callbacks want them"],
      complaint: "",
    });
    await using hub = await openTestHub({ database: here, now });
    publisher.serve("/feed", { body: "one" });
    await hub.publish(feed);
    expect(subscriber.verifications).toHaveLength(count);
    expect(subscriber.deliveries.map(({ target }) => target).toSorted()).toEqual(["/1", "/2"]);
    const signed = found(subscriber.deliveries.find(({ target }) => target === "/1"));
    expect(signed.headers["x-hub-signature"]).toBe(`sha512=${createHmac("sha512", "s").update("one").digest("hex")}`);
    const kept = await hub.store.subscriptions.find(feed, subscriber.callback("/2"));
    expect(kept?.expiresAt.getTime()).toBeGreaterThan(now.getTime() + 4_900_000);
    expect(kept?.expiresAt.getTime()).toBeLessThanOrEqual(now.getTime() + 5_060_000);
    expect(await command(here, ["verify-data"])).toMatchObject({ code: 0 });
  });

  test("who is subscribed already is left alone, also by a second import; a lease that is over is left out, and one that is too long cut", async () => {
    await using place = await open();
    const now = new Date();
    const input = [
      lineOf({ callback: "https://reader.example/known", secret: "other" }),
      lineOf({ lease_seconds: 99_999_999 }),
      lineOf({ callback: "https://reader.example/2", lease_seconds: "600" }),
      lineOf({ callback: "https://reader.example/3", lease_ends_at: "2020-01-01T00:00:00Z" }),
    ].join("\n");
    {
      await using hub = await openTestHub({ database: place, now });
      await hub.store.intents.addIntent(intent({ callback: "https://reader.example/known" }), now);
      await settleIntents(hub.store, { next: "apply", verifiedAt: now }, now);
    }
    expect((await command(place, ["import"], input)).lines).toEqual([
      expect.stringMatching(/^2 subscriptions were imported/),
      "1 were there already, and stay as they are",
      "1 were left out, for their lease is over",
    ]);
    expect((await command(place, ["import"], input)).lines[0]).toMatch(/^0 subscriptions were imported/);
    await using hub = await openTestHub({ database: place, now });
    const find = (path: string) => hub.store.subscriptions.find(topic, `https://reader.example/${path}`);
    expect((await find("known"))?.secret).toBeUndefined();
    expect((await find("1"))?.expiresAt.getTime()).toBeLessThan(now.getTime() + 2_592_060_000);
    expect((await find("2"))?.expiresAt.getTime()).toBeLessThan(now.getTime() + 660_000);
    expect(await find("3")).toBeUndefined();
  });

  test("the hub was away: leases did not run meanwhile, neither in an export nor for an import", async () => {
    await using place = await open();
    const [hourMs, now] = [3_600_000, new Date()];
    const left = new Date(now.getTime() - 2 * hourMs);
    {
      await using hub = await openTestHub({ database: place, now: left });
      await hub.store.intents.addIntent(intent({ leaseSeconds: 3600, secret: "s" }), left);
      await settleIntents(hub.store, { next: "apply", verifiedAt: left }, left);
      await hub.store.assertWritable(left);
    }
    const [line = ""] = (await command(place, ["export", "--secrets"])).lines;
    const { lease_ends_at: ends } = JSON.parse(line) as { readonly lease_ends_at: string };
    expect(Math.abs(new Date(ends).getTime() - now.getTime() - hourMs)).toBeLessThan(60_000);
    const { lines } = await command(place, ["import"], lineOf({ callback: intent().callback }));
    expect(lines[1]).toBe("1 were there already, and stay as they are");
  });

  test("all or none: every fault is told with its line, field, value and rule, and nothing is imported", async () => {
    await using place = await open();
    await using hub = kind === "SQLite" ? undefined : await openTestHub({ database: place });
    const lines: readonly (readonly [line: string, fault: string])[] = [
      [lineOf(), ""],
      ["{", "it must be a JSON object"],
      [JSON.stringify({ callback: "https://reader.example/" }), "topic is missing"],
      [
        lineOf({ callback: "ftp://reader.example/" }),
        'callback "ftp://reader.example/" must be an absolute http or https URL',
      ],
      [lineOf({ callback: 5 }), 'callback "5" must be a string'],
      [lineOf({ callback: "http://10.0.0.1/" }), 'callback "http://10.0.0.1/": the address 10.0.0.1 is not public'],
      [lineOf({ lease_seconds: -1 }), 'lease_seconds "-1" must be a positive whole number of seconds'],
      [lineOf({ lease_ends_at: "tomorrow" }), 'lease_ends_at "tomorrow" must be a time such as'],
      [lineOf({ secret: "x".repeat(200) }), "secret is 200 bytes long; it must be under 200"],
      [lineOf({ secret: 5 }), "secret must be a string"],
      [lineOf({ signature_method: "md5" }), 'signature_method "md5" must be one of'],
      [
        lineOf({ has_secret: true }),
        "secret is missing: the export left it out, since it was not asked for with --secrets",
      ],
      [lineOf({ secrt: "s" }), '"secrt" is not a field: did you mean secret?'],
      [lineOf({ topic: "https://denied.example/" }), 'topic "https://denied.example/" is not a topic this hub serves'],
      [lineOf({ callback: "https://blocked.example/" }), "is blocked: spam"],
      [lineOf(), "topic and callback are those of line 1"],
    ];
    if (kind === "SQLite") await command(place, ["import"]);
    await command(place, ["block", "callback-host", "blocked.example", "--reason", "spam"]);
    const input = lines.map(([line]) => line).join("\n");
    const { code, complaint } = await command(place, ["import"], input, { TOPIC_DENY: "denied.example" });
    expect(code).toBe(1);
    const told = complaint.split("\n").slice(1);
    expect(complaint).toMatch(/^carillon: nothing was imported:\n/);
    for (const [i, [, fault]] of lines.slice(1).entries()) {
      expect(told[i]).toContain(`line ${i + 2}: `);
      expect(told[i]).toContain(fault);
    }
    expect(told).toHaveLength(lines.length - 1);
    expect((await command(place, ["export"])).lines).toEqual([]);

    const three = [1, 2, 3].map((i) => lineOf({ callback: `https://reader.example/${i}` })).join("\n");
    const full = await command(place, ["import"], three, { SUBSCRIPTIONS_PER_HOST: "2" });
    expect(full.complaint).toMatch(
      /line 3: callback at reader\.example: that host may have 2 subscriptions, and no more$/,
    );
    expect((await command(place, ["export"])).lines).toEqual([]);
    expect(hub === undefined).toBe(kind === "SQLite");
  });
});

test("SQLite: carillon import is refused while a hub runs, carillon export is not, and writes a file for its owner alone", async () => {
  await using place = await found(places[0]).open();
  await using folder = await openFolder();
  await using hub = await openTestHub({ database: place, now: new Date() });
  await hub.store.intents.addIntent(intent({ secret: "s" }), after(0));
  await settleIntents(hub.store, { next: "apply", verifiedAt: new Date() }, new Date());
  const refused = await command(place, ["import"], lineOf());
  expect(refused).toMatchObject({ code: 1, complaint: expect.stringContaining("another process uses it") as string });

  const file = join(folder.path, "out.jsonl");
  expect(await command(place, ["export", file, "--secrets"])).toMatchObject({ code: 0, lines: [] });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ callback: intent().callback, secret: "s" });
  const again = await command(place, ["export", file]);
  expect(again).toMatchObject({ code: 1, complaint: `carillon: nothing was exported: ${file} exists already` });
});

test("SQLite: carillon import reads lines as they were written: what JSON leaves in a string ends none, and no secret comes in as another", async () => {
  await using place = await found(places[0]).open();
  const secret = "a\u2028b\u2029c\u0085\u{1F514}";
  expect(await command(place, ["import"], `${lineOf({ secret })}\r\n`)).toMatchObject({ code: 0 });
  const { lines } = await command(place, ["export", "--secrets"]);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([expect.objectContaining({ secret })]);
  const latin1 = Buffer.from(lineOf({ callback: "https://reader.example/2", secret: "caf\u00e9" }), "latin1");
  expect(await command(place, ["import"], latin1)).toMatchObject({
    code: 1,
    complaint: expect.stringMatching(/^carillon: nothing was imported: .*utf-8/) as string,
  });
});

test("carillon import that waits for lines ends at the first signal, and nothing is imported", async () => {
  await using place = await found(places[0]).open();
  await using program = startProgram(["import"], { CARILLON_DATABASE_URL: place.url });
  await until(() => existsSync(`${place.url.slice("file:".length)}-lock`));
  program.signal("SIGINT");
  expect(await program.ended).toEqual({ code: 1, complaint: "carillon: nothing was imported: it was stopped\n" });
});

/** What a shell says of a command. It starts `carillon` as `"$@"`. */
async function shell(script: string, { url }: Pick<Place, "url">, ...words: readonly string[]) {
  const env = { CARILLON_DATABASE_URL: url, CARILLON_SECRET_KEY: testSecretKey };
  const child = spawn("sh", ["-c", script, "sh", process.execPath, "dist/main.js", ...words], { env });
  const [complaint] = await Promise.all([text(child.stderr), once(child, "close")]);
  return { code: child.exitCode, complaint };
}

test("SQLite: carillon export that could not write all of it ends with 1, and leaves no file", async ({ skip }) => {
  if (!existsSync("/dev/full")) skip();
  await using place = await found(places[0]).open();
  await using folder = await openFolder();
  await using hub = await openTestHub({ database: place, now: new Date() });
  await hub.store.intents.addIntent(intent({ callback: `https://reader.example/${"x".repeat(1000)}` }), after(0));
  await settleIntents(hub.store, { next: "apply", verifiedAt: new Date() }, new Date());

  const full = await shell('exec "$@" > /dev/full', place, "export");
  expect(full).toEqual({
    code: 1,
    complaint: "carillon: not everything was exported: ENOSPC: no space left on device, write\n",
  });
  // Of a write that finds no room for all of it, the system takes what it can.
  const some = await shell('ulimit -f 1 && exec "$@"', place, "export", join(folder.path, "out"));
  expect(some).toEqual({ code: 1, complaint: "carillon: nothing was exported: EFBIG: file too large, write\n" });
  expect(await readdir(folder.path)).toEqual([]);
});
