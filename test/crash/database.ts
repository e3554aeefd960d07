/** The database of a run, which outlives its hubs. */
export type Database = AsyncDisposable & {
  /** CARILLON_DATABASE_URL. */
  readonly url: string;
  /** The rows that answer a question. A hub runs. */
  ask(question: string): Promise<readonly Row[]>;
  /** Acts in the middle of a hub's next write; after a second without one all the same. */
  duringWrite(act: () => void): Promise<void>;
  /** Acts in the middle of what a hub that is just ending writes last; or when it writes nothing. */
  duringClose(act: () => void): Promise<void>;
  /** A hub was killed. Resolves to what is wrong with the database once nothing of that hub is left in it. */
  afterKill(losesPower: boolean): Promise<readonly string[]>;
  /** How often power was lost, and how much that had not been flushed with it. Undefined where that cannot be had. */
  readonly outages: Outages | undefined;
};

export type Row = Readonly<Record<string, unknown>>;

export type Outages = { readonly count: number; readonly lostBytes: number };

/** Longest wait for a write that may have come before it was waited for. Milliseconds. */
export const patienceMs = 1000;
