import type SqliteDatabase from "better-sqlite3";

/** A table whose rows fall due, count by origin, and are claimed by a token. */
export type Claimable = {
  readonly name: string;
  readonly id: string;
  readonly dueAt: string;
  readonly owner: string;
  /** Condition on a row: it waits to be claimed. An index on origin and due time holds exactly these. */
  readonly waits: (row: string) => string;
  /** Table of origins of which nothing is claimed. */
  readonly shutBy?: string;
};

export const claimables = {
  topics: {
    name: "topics",
    id: "id",
    dueAt: "fetch_due_at",
    owner: "fetch_owner",
    waits: (row) => `${row}.fetch_owner IS NULL AND ${row}.fetch_due_at IS NOT NULL AND ${row}.subscribers > 0`,
  },
  intents: {
    name: "intents",
    id: "id",
    dueAt: "due_at",
    owner: "owner",
    waits: (row) => `${row}.owner IS NULL AND ${row}.due_at IS NOT NULL`,
  },
  behind: {
    name: "behind",
    id: "subscription_id",
    dueAt: "due_at",
    owner: "owner",
    waits: (row) => `${row}.owner IS NULL AND ${row}.next <= ${row}.newest`,
    shutBy: "hosts",
  },
} as const satisfies Readonly<Record<string, Claimable>>;

/** Name of the table that `followDueOrigins` keeps. */
export function dueOriginsOf({ name }: Claimable): string {
  return `${name}_due_origins`;
}

/**
 * Keeps, for as long as the connection lives and in its memory alone, when each origin's first waiting row falls due:
 * never later than it does, sometimes earlier. So a claim goes from one origin to the next in due order, and neither a
 * long queue nor many origins that wait cost it anything. Triggers keep it, so that no statement can forget to; whoever
 * finds a row to be too early puts it right.
 */
export function followDueOrigins(connection: SqliteDatabase.Database): void {
  for (const table of Object.values(claimables)) connection.exec(followSql(table));
}

function followSql(table: Claimable): string {
  const { name, dueAt, waits, shutBy } = table;
  const origins = dueOriginsOf(table);
  const isOpen = (row: string) =>
    shutBy ? `NOT EXISTS (SELECT 1 FROM ${shutBy} WHERE origin = ${row}.origin)` : "true";
  const note = `INSERT INTO ${origins} (origin, due_at) VALUES (NEW.origin, NEW.${dueAt})
    ON CONFLICT (origin) DO UPDATE SET due_at = excluded.due_at WHERE excluded.due_at < due_at`;
  return `
    CREATE TEMP TABLE ${origins} (origin TEXT PRIMARY KEY, due_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX temp.${origins}_at ON ${origins} (due_at);
    ${fillSql(table)} AND ${isOpen("o")};
    CREATE TEMP TRIGGER ${name}_added AFTER INSERT ON ${name} WHEN ${waits("NEW")} AND ${isOpen("NEW")}
      BEGIN ${note}; END;
    CREATE TEMP TRIGGER ${name}_changed AFTER UPDATE ON ${name}
      WHEN ${waits("NEW")} AND NOT (${waits("OLD")} AND OLD.${dueAt} <= NEW.${dueAt}) AND ${isOpen("NEW")}
      BEGIN ${note}; END;
    ${shutBy ? followShutSql(table, shutBy) : ""}`;
}

/** Skips from origin to origin along the index: there may be a million rows. */
function fillSql(table: Claimable): string {
  const { name, dueAt, waits } = table;
  const next = (after: string) => `SELECT min(origin) FROM ${name} WHERE ${waits(name)} ${after}`;
  return `
    WITH RECURSIVE o(origin) AS (
      ${next("")} UNION ALL SELECT (${next("AND origin > o.origin")}) FROM o WHERE o.origin IS NOT NULL)
    INSERT INTO ${dueOriginsOf(table)}
      SELECT origin, (SELECT min(${dueAt}) FROM ${name} WHERE origin = o.origin AND ${waits(name)}) FROM o
       WHERE origin IS NOT NULL`;
}

function followShutSql(table: Claimable, shutBy: string): string {
  const { name, dueAt, waits } = table;
  const origins = dueOriginsOf(table);
  return `
    CREATE TEMP TRIGGER ${name}_shut AFTER INSERT ON ${shutBy}
      BEGIN DELETE FROM ${origins} WHERE origin = NEW.origin; END;
    CREATE TEMP TRIGGER ${name}_opened AFTER DELETE ON ${shutBy}
      BEGIN INSERT INTO ${origins} SELECT origin, ${dueAt} FROM ${name}
              WHERE origin = OLD.origin AND ${waits(name)} ORDER BY ${dueAt} LIMIT 1; END;`;
}
