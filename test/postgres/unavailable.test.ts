import { expect, inject, test } from "vitest";

import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { migrationsFolder, openTestSchema } from "../conformance/postgres-test-store.ts";
import { changed, claimFetch, close, cut, intent, publish, start, subscribe, topic } from "../conformance/support.ts";
import { openNodes, whileOpen } from "./nodes.ts";
import { openProxy } from "./proxy.ts";

// Promise F: what cannot be stored is never said to be, and the hub recovers by itself.

test("connections that break while nobody uses them are replaced", async () => {
  await using proxy = await openProxy(inject("postgresUrl"));
  await using nodes = await openNodes(2, proxy.url);
  const [store] = nodes.stores;
  await subscribe(store);
  for (let seq = 1; seq <= 3; seq += 1) {
    proxy.cutAll();
    expect(await store.topics.find(topic)).toMatchObject({ lastSeq: seq - 1 });
    await publish(store);
  }
});

test("a transaction whose connection breaks before its commit is run again", async () => {
  await using proxy = await openProxy(inject("postgresUrl"));
  await using nodes = await openNodes(2, proxy.url);
  const [store] = nodes.stores;
  await subscribe(store);
  await store.topics.ping([topic], 0, start);
  const fetch = await claimFetch(store);
  const settled = await whileOpen(
    nodes,
    (other) => other.query("SELECT 1 FROM topics FOR UPDATE"),
    () => store.topics.settleFetch(fetch, changed(), 0, start),
    () => proxy.cutAll(),
  );
  expect(settled).toBe(true);
  expect(await store.topics.find(topic)).toMatchObject({ lastSeq: 1 });
});

test("a transaction whose commit is not answered is not run again: it may have been done", async () => {
  await using opened = await openTestSchema();
  await using proxy = await openProxy(opened.url);
  const store = await openPostgresStore(proxy.url, { migrationsFolder, schema: opened.schema });
  await subscribe(store);
  await store.topics.ping([topic], 0, start);
  const fetch = await claimFetch(store);
  proxy.cutAfter("COMMIT\0");
  await expect(store.topics.settleFetch(fetch, changed(), 0, start)).rejects.toMatchObject({
    code: "store_unavailable",
  });
  expect(await store.topics.find(topic)).toMatchObject({ lastSeq: 1 });
  expect(await store.topics.settleFetch(fetch, changed(), 0, start)).toBe(false);
  expect((await cut(store)).seq).toBe(1);
  await store[Symbol.asyncDispose]();
});

test("what is sent together with its commit is not run again either when that is not answered", async () => {
  await using opened = await openTestSchema();
  await using proxy = await openProxy(opened.url);
  const store = await openPostgresStore(proxy.url, { migrationsFolder, schema: opened.schema });
  await subscribe(store);
  const key = await publish(store);
  const chunk = await cut(store);
  proxy.cutAfter("COMMIT\0");
  await expect(close(store, chunk)).rejects.toMatchObject({ code: "store_unavailable" });
  expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, delivered: 1 });
  expect(await close(store, chunk)).toBe("lost");
  await store[Symbol.asyncDispose]();
});

test("while the way to the server is cut writes are refused, and afterwards all is well", async () => {
  await using opened = await openTestSchema();
  await using proxy = await openProxy(opened.url);
  const store = await openPostgresStore(proxy.url, { migrationsFolder, schema: opened.schema });
  proxy.isCut = true;
  proxy.cutAll();
  const refused = { code: "store_unavailable" };
  await expect(store.assertWritable(start)).rejects.toMatchObject(refused);
  await expect(store.intents.addIntent(intent(), start)).rejects.toMatchObject(refused);
  await expect(store.fanOuts.claimChunk(start)).rejects.toMatchObject(refused);
  await expect(store.subscriptions.find(topic, "")).rejects.toMatchObject(refused);
  proxy.isCut = false;
  await store.assertWritable(start);
  await subscribe(store);
  await store[Symbol.asyncDispose]();
});
