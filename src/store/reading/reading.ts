/** A database as it is at one moment, read beside hubs that use it and go on. Nothing of it changes. */
export interface Reading extends AsyncDisposable {
  /** The rows of a question in SQL, some at a time. Answers to one question are read to the end before the next is asked. */
  rows<Row>(question: string): AsyncIterable<Row>;

  /** What the database itself finds wrong with what it has stored. */
  findDamage(): AsyncIterable<string>;

  readonly dialect: Dialect;
}

/** What the two databases say differently. */
export type Dialect = {
  /** To be joined to `chunks c`: its ids, as rows of a table `todo` with a column `id`. */
  readonly idsOfChunk: string;
  /** Condition: two rows of `intents` are about one topic and callback. */
  readonly isSamePair: (one: string, other: string) => string;
  /** The highest id ever given to a table's rows. */
  readonly lastId: (table: string) => string;
  /** A secret as bytes. */
  readonly secret: (column: string) => string;
};
