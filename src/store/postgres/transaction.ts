import type pg from "pg";

import type { Quota } from "../rows/quota.ts";
import { Fault } from "./fault.ts";
import { createQuotaChanges } from "./quotas.ts";
import type { Session, Statement } from "./statement.ts";

/** What runs statements inside a transaction. */
export interface Transaction extends Session {
  /**
   * Runs the last statement, sent together with the commit: the locks it takes are not held while the answer is on its way.
   * Resolves to its rows. Nothing may come after it.
   */
  finish<Row>(statement: Statement, ...values: readonly unknown[]): Promise<readonly Row[]>;

  /**
   * Changes counts by so much. They are written last of all, whatever comes in between: many transactions want the same rows, so
   * these are locked for a moment only, and in the same order by all.
   */
  count(name: string, change: Partial<Quota>): void;
}

/** Runs `work` inside a transaction, and resolves once that is on disk. `state` says whether the commit has been sent. */
export async function runTransaction<T>(
  client: pg.PoolClient,
  work: (transaction: Transaction) => Promise<T>,
  state: { isCommitting: boolean },
): Promise<T> {
  const session = createSession(client);
  let committed: Promise<unknown> | undefined;
  const commit = () => {
    state.isCommitting = true;
    return (committed ??= ask(client, { text: "COMMIT" }));
  };
  const counts = createQuotaChanges();
  const finish: Transaction["finish"] = (statement, ...values) => {
    const rows = session.all(statement, ...values);
    if (counts.isEmpty()) commit().catch(() => undefined); // told below
    return rows as Promise<never>;
  };
  state.isCommitting = false;
  try {
    // Sent together with the first statement.
    const begun = ask(client, { text: "BEGIN ISOLATION LEVEL READ COMMITTED" });
    const [, result] = await Promise.all([begun, work({ ...session, finish, count: counts.add })]);
    await counts.write(session);
    await commit();
    return result;
  } catch (error) {
    // The commit of a transaction that failed undoes it.
    if (!(error instanceof Fault) || !error.isBroken) await (committed ?? ask(client, { text: "ROLLBACK" }));
    throw error;
  }
}

export function createSession(client: pg.PoolClient): Session {
  const query = ({ name, text }: Statement, values: readonly unknown[]) =>
    ask(client, { name, text, values: [...values] });
  return {
    // The statement says what its rows are.
    all: async <Row>(statement: Statement, ...values: readonly unknown[]) =>
      (await query(statement, values)).rows as readonly Row[],
    run: async (statement, ...values) => (await query(statement, values)).rowCount ?? 0,
  };
}

async function ask(client: pg.PoolClient, query: pg.QueryConfig): Promise<pg.QueryResult<Record<string, unknown>>> {
  try {
    return await client.query(query);
  } catch (cause) {
    throw new Fault(cause);
  }
}
