import { HubError } from "../../errors.ts";
import { type Digest, digest } from "./digest.ts";
import type { Source, Target } from "./side.ts";
import { type Table, tables } from "./tables.ts";

export type MovedTable = {
  readonly name: string;
  readonly source: Digest;
  readonly target: Digest;
  readonly isAlike: boolean;
};

export type MoveProgress = {
  /** Once aborted, the move ends before the next rows, and nothing is moved. */
  readonly signal: AbortSignal;
  readonly onCopied: (table: string, rows: number) => void;
};

/**
 * Copies everything into a target that holds nothing, reads both again and compares them. Commits when all tables are alike,
 * else nothing. Throws `store_unavailable` when the target is not empty, when the copy fails and when it is stopped: then
 * nothing is moved either. Memory does not grow with the number of rows.
 */
export async function move(
  source: Source,
  target: Target,
  { signal, onCopied }: MoveProgress,
): Promise<readonly MovedTable[]> {
  const goOn = () => {
    if (signal.aborted) throw new HubError("store_unavailable", "nothing was moved: it was stopped");
  };
  for (const table of tables) await assertEmpty(target, table);
  for (const table of tables) onCopied(table.name, await copy(source, target, table, goOn));
  await target.finish();
  const moved: MovedTable[] = [];
  for (const table of tables) moved.push(await compare(source, target, table, goOn));
  if (moved.every(({ isAlike }) => isAlike)) await target.commit();
  return moved;
}

async function assertEmpty(target: Target, table: Table): Promise<void> {
  const rows = await target.countRows(table);
  if (rows > 0)
    throw new HubError(
      "store_unavailable",
      `nothing was moved: the target must be empty, but ${table.name} has ${rows} rows`,
    );
}

async function copy(source: Source, target: Target, table: Table, goOn: () => void): Promise<number> {
  let count = 0;
  for await (const rows of source.read(table)) {
    goOn();
    await target.write(
      table,
      rows.map((row) => target.fit(table, row)),
    );
    count += rows.length;
  }
  if (table.countsIds) await target.setLastId(table, await source.lastId(table));
  return count;
}

async function compare(source: Source, target: Target, table: Table, goOn: () => void): Promise<MovedTable> {
  const there = await digest(source, table, (row) => target.fit(table, row), goOn);
  const here = await digest(target, table, (row) => row, goOn);
  const isAlike = there.rows === here.rows && there.checksum === here.checksum;
  return { name: table.name, source: there, target: here, isAlike };
}
