import { expect, test } from "vitest";

import { createRandom } from "../support/random.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { play } from "./play.ts";
import { openPostgresDatabase } from "./postgres-database.ts";
import { openSqliteFile } from "./sqlite-file.ts";

// A hundred rounds of each: npm run test:crash.

const tell = () => undefined;
const seeds = { sqlite: 5, postgres: 1218 };

test(
  "promises A, B, C and D: on SQLite everything acknowledged arrives although the hub is killed, or the power lost, again and again",
  { timeout: 180_000 },
  async () => {
    await using database = await openSqliteFile(createRandom(seeds.sqlite));
    const outcome = await play({ tell, seed: seeds.sqlite, database, threads: 2, rounds: 6 });

    expect(outcome.faults).toEqual([]);
    expect(outcome.figures.kills).toBeGreaterThanOrEqual(5);
  },
);

test(
  "promises A, B, C and D: on PostgreSQL everything acknowledged arrives although the hub is killed again and again",
  { timeout: 180_000 },
  async () => {
    await using server = await openTestDatabase();
    await using database = await openPostgresDatabase(server.url);
    const outcome = await play({ tell, seed: seeds.postgres, database, threads: 0, rounds: 2 });

    expect(outcome.faults).toEqual([]);
    expect(outcome.figures.kills).toBeGreaterThanOrEqual(2);
  },
);
