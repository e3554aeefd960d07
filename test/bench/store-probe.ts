import SqliteDatabase from "better-sqlite3";

/** What was asked of the database. Times are those of the calling thread, which is blocked meanwhile. */
export type StoreUse = {
  /**
   * Commits that wrote something and did not leave the flush to a later one: each is on disk before it returns. Checkpoints of the
   * log, one in 4,000 pages, flush beside them.
   */
  readonly commits: number;
  /** The longest statement; a flush is none. */
  readonly longestStatementMs: number;
  /** The longest transaction but for its COMMIT, which waits for the disk. */
  readonly longestTransactionMs: number;
  readonly longestCommitMs: number;
  readonly allCommitsMs: number;
};

type Statement = { readonly source: string; readonly readonly: boolean };
type Method = (this: Statement, ...values: readonly unknown[]) => unknown;

const nothing: StoreUse = {
  commits: 0,
  longestStatementMs: 0,
  longestTransactionMs: 0,
  longestCommitMs: 0,
  allCommitsMs: 0,
};

/** Watches all statements of this process from now on. */
export function createStoreProbe() {
  let use = nothing;
  let begunMs = 0;
  let writes = false;
  let flushes = true;

  const note = ({ source, readonly }: Statement, startedMs: number, result: unknown) => {
    const endedMs = performance.now();
    const tookMs = endedMs - startedMs;
    if (source === "COMMIT") {
      const longestTransactionMs = Math.max(use.longestTransactionMs, startedMs - begunMs);
      const longestCommitMs = Math.max(use.longestCommitMs, tookMs);
      const [commits, allCommitsMs] = [use.commits + Number(writes && flushes), use.allCommitsMs + tookMs];
      use = { ...use, commits, longestTransactionMs, longestCommitMs, allCommitsMs };
    } else if (source.startsWith("BEGIN")) {
      begunMs = endedMs;
      writes = false;
    } else if (source.startsWith("PRAGMA synchronous")) {
      flushes = source.endsWith("FULL");
    } else if (!readonly) {
      writes ||= hasWritten(result);
    }
    if (source !== "COMMIT" && tookMs > use.longestStatementMs) use = { ...use, longestStatementMs: tookMs };
  };
  watch(note);
  return {
    read: () => use,
    reset() {
      use = nothing;
    },
  };
}

function watch(note: (statement: Statement, startedMs: number, result: unknown) => void): void {
  const statement = new SqliteDatabase(":memory:").prepare("SELECT 1");
  const methods = Object.getPrototypeOf(statement) as Record<string, Method>;
  for (const name of ["run", "get", "all"]) {
    const original = methods[name];
    if (original === undefined) throw new Error(`statements have no ${name}`);
    methods[name] = function watched(...values) {
      const startedMs = performance.now();
      const result = original.apply(this, [...values]);
      note(this, startedMs, result);
      return result;
    };
  }
}

/** A savepoint changes nothing, a claim that finds nothing neither. */
function hasWritten(result: unknown): boolean {
  if (Array.isArray(result)) return result.length > 0;
  if (typeof result !== "object" || result === null) return false;
  return !("changes" in result) || result.changes !== 0;
}
