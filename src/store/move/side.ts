import type { Row, Table } from "./tables.ts";

/** A database that takes part in a move, inside one transaction. No hub can use it until it is disposed. */
export interface Side extends AsyncDisposable {
  /** All rows in the order of the table's key, some at a time. */
  read(table: Table): AsyncIterable<readonly Row[]>;

  /** The highest id ever given, 0 when none was. Only of a table that counts ids. */
  lastId(table: Table): Promise<number>;
}

/** Its rows are as at one moment, with every claim void: a delivery that was under way will be made again. Nothing is written. */
export type Source = Side;

/** What is written is there when it is committed, and not at all when it is disposed before. */
export interface Target extends Side {
  countRows(table: Table): Promise<number>;

  /** The row as this database can hold it. */
  fit(table: Table, row: Row): Row;

  write(table: Table, rows: readonly Row[]): Promise<void>;

  /** The next id given will be a higher one. */
  setLastId(table: Table, id: number): Promise<void>;

  /** To be called when all is written, before it is read again. */
  finish(): Promise<void>;

  commit(): Promise<void>;
}
