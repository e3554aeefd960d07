import { expect, test } from "vitest";

import { openSqliteTestStore } from "../conformance/sqlite-test-store.ts";
import { changed, claimFetch, cut, start, subscribe, topic } from "../conformance/support.ts";

const body = Buffer.alloc(10_000_000, "x");

/** How many others' writes are through before `work` is. */
async function writesBeside(work: Promise<unknown>, write: () => Promise<unknown>): Promise<number> {
  const under = new Set([work]);
  const watching = work.finally(() => under.clear());
  let writes = 0;
  for (; under.size > 0; writes += 1) await write();
  await watching;
  return writes;
}

test("SQLite: others' writes come in between while a body of 10 MB is written, and while it is read", async () => {
  await using opened = await openSqliteTestStore();
  const { store } = opened;
  await subscribe(store);
  await store.topics.ping([topic], 0, start);
  const write = () => store.assertWritable(start);
  const settling = store.topics.settleFetch(await claimFetch(store), changed(body), 0, start);
  expect(await writesBeside(settling, write)).toBeGreaterThan(15);
  expect(await writesBeside(store.publications.load(await cut(store)), write)).toBeGreaterThan(15);
});

test("SQLite: of a large body that was cut short by a crash nothing is left, and it is whole when it is written again", async () => {
  await using opened = await openSqliteTestStore();
  await subscribe(opened.store);
  await opened.store.topics.ping([topic], 0, start);
  const cutShort = opened.store.topics.settleFetch(await claimFetch(opened.store), changed(body), 0, start);
  await opened.store.assertWritable(start);
  expect(await opened.countParts()).toBeGreaterThan(0);
  await opened.crash();
  await cutShort.catch(() => undefined);

  expect(await opened.countParts()).toBe(0);
  const again = Buffer.alloc(500_000, "y");
  await opened.store.topics.settleFetch(await claimFetch(opened.store), changed(again), 0, start);
  expect((await opened.store.publications.load(await cut(opened.store))).body.equals(again)).toBe(true);
});
