import pg from "pg";

import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import type { Store } from "../../src/store/store.ts";
import { migrationsFolder, openTestSchema, type TestSchema } from "../conformance/postgres-test-store.ts";

/** Several processes on one database, and a look at what it holds. */
export type Nodes = AsyncDisposable & {
  readonly stores: readonly [Store, Store, ...Store[]];
  readonly schema: TestSchema;
  /** Has the leases of all claims run out. */
  endLeases(): Promise<void>;
};

const tables = ["topics", "intents", "chunks", "behind"];

export async function openNodes(count = 2, url?: string): Promise<Nodes> {
  const schema = await openTestSchema();
  const open = () => openPostgresStore(url ?? schema.url, { migrationsFolder, schema: schema.schema, connections: 3 });
  const [first, second, ...others] = await Promise.all(Array.from({ length: count }, open));
  if (first === undefined || second === undefined) throw new Error("two nodes at least");
  const stores = [first, second, ...others] as const;
  return {
    stores,
    schema,
    async endLeases() {
      for (const table of tables) {
        await schema.connection.query(
          `UPDATE ${table} SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL`,
        );
      }
    },
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store[Symbol.asyncDispose]();
      await schema[Symbol.asyncDispose]();
    },
  };
}

/**
 * Has another connection do its part inside a transaction and `call` begin while that is open. It is committed once
 * `call` waits for it, and after `meanwhile`.
 */
export async function whileOpen<T>(
  { schema }: Nodes,
  part: (other: pg.Client) => Promise<unknown>,
  call: () => Promise<T>,
  meanwhile: () => void = () => undefined,
): Promise<T> {
  const other = new pg.Client({ connectionString: schema.url, options: `-c search_path=${schema.schema}` });
  await other.connect();
  try {
    await other.query("BEGIN");
    await part(other);
    const result = call();
    await Promise.race([untilBlocked(schema, other), result]);
    meanwhile();
    await other.query("COMMIT");
    return await result;
  } finally {
    await other.end();
  }
}

async function untilBlocked({ connection }: TestSchema, other: pg.Client): Promise<void> {
  const { rows } = await other.query<{ readonly pid: number }>("SELECT pg_backend_pid() AS pid");
  const blocked = {
    text: "SELECT 1 FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))",
    values: [rows[0]?.pid],
  };
  const deadline = Date.now() + 10_000;
  while ((await connection.query(blocked)).rowCount === 0) {
    if (Date.now() > deadline) throw new Error("nobody waits for the open transaction");
  }
}
