import { createHash, type Hash } from "node:crypto";

import type { Side } from "./side.ts";
import type { Row, Table, Value } from "./tables.ts";

/** What a table holds, in short. Two tables are alike when both parts are. */
export type Digest = {
  readonly rows: number;
  /** SHA-256, in hex, of every value of every row in order, and of the highest id ever given. */
  readonly checksum: string;
};

/** Reads a whole table. `fit` is applied to each row. `onRows` is called now and then, and may throw. */
export async function digest(side: Side, table: Table, fit: (row: Row) => Row, onRows: () => void): Promise<Digest> {
  const hash = createHash("sha256");
  let count = 0;
  for await (const rows of side.read(table)) {
    onRows();
    for (const row of rows) addRow(hash, fit(row));
    count += rows.length;
  }
  if (table.countsIds) hash.update(`${await side.lastId(table)}`);
  return { rows: count, checksum: hash.digest("hex") };
}

/** A row is a line of JSON, in which no two differing rows look alike: a column holds bytes always or never. */
function addRow(hash: Hash, row: Row): void {
  hash.update(`${JSON.stringify(row.map(toJson))}\n`);
}

function toJson(value: Value): number | string | null {
  return Buffer.isBuffer(value) ? createHash("sha256").update(value).digest("hex") : value;
}
