import pg from "pg";
import { expect, test } from "vitest";

import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { migrationsFolder } from "../conformance/postgres-test-store.ts";
import { plenty } from "../conformance/support.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestDatabase, type TestDatabase } from "../support/test-database.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

test("a retry whose publication took longer to load than its lease covers is not sent: somebody else has it", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  let isUp = false;
  await using subscriber = await openSubscriber({ receive: () => ({ status: isUp ? 204 : 503 }) });
  await using hub = await openTestHub({ database });
  await using another = await openPostgresStore(database.url, { migrationsFolder, connections: 2 });
  publisher.serve("/feed", { body: "one" });
  await hub.subscribe(publisher.topic("/feed"), subscriber.callback());
  await hub.publish(publisher.topic("/feed"));
  expect(subscriber.deliveries).toHaveLength(1);
  isUp = true;

  const locking = new pg.Client({ connectionString: database.url });
  await locking.connect();
  await locking.query("BEGIN; LOCK TABLE publications IN ACCESS EXCLUSIVE MODE");
  hub.clock.advance(5000);
  const drained = hub.drain();
  await until(() => isAwaited(database));
  hub.clock.advance(15_001);
  await database.connection.query("UPDATE behind SET lease_until = '-infinity'");
  const claims = await another.behind.claimCatchUps(plenty, plenty, hub.clock.now());
  await locking.end();
  await drained;

  expect(claims).toHaveLength(1);
  expect(subscriber.deliveries).toHaveLength(1);
});

async function isAwaited({ connection }: TestDatabase): Promise<boolean> {
  const { rows } = await connection.query("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'");
  return rows.length > 0;
}
