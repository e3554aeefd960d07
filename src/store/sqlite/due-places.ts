import type SqliteDatabase from "better-sqlite3";

/** A table whose rows fall due, count by place, and are claimed by a token. */
export type Claimable = {
  readonly name: string;
  readonly id: string;
  /** The column of places. */
  readonly place: "host" | "origin";
  readonly dueAt: string;
  readonly owner: string;
  /** Condition on a row: it waits to be claimed. An index on place and due time holds exactly these. */
  readonly waits: (row: string) => string;
  /** Table of places of which nothing is claimed. */
  readonly shutBy?: string;
};

export const claimables = {
  topics: {
    name: "topics",
    id: "id",
    place: "host",
    dueAt: "fetch_due_at",
    owner: "fetch_owner",
    waits: (row) => `${row}.fetch_owner IS NULL AND ${row}.fetch_due_at IS NOT NULL AND ${row}.subscribers > 0`,
  },
  intents: {
    name: "intents",
    id: "id",
    place: "host",
    dueAt: "due_at",
    owner: "owner",
    waits: (row) => `${row}.owner IS NULL AND ${row}.due_at IS NOT NULL`,
  },
  behind: {
    name: "behind",
    id: "subscription_id",
    place: "origin",
    dueAt: "due_at",
    owner: "owner",
    waits: (row) => `${row}.owner IS NULL AND ${row}.next <= ${row}.newest`,
    shutBy: "hosts",
  },
} as const satisfies Readonly<Record<string, Claimable>>;

/** Name of the table that `followDuePlaces` keeps. */
export function duePlacesOf({ name }: Claimable): string {
  return `${name}_due_places`;
}

/**
 * Keeps, for as long as the connection lives and in its memory alone, when each place's first waiting row falls due:
 * never later than it does, sometimes earlier. So a claim goes from one place to the next in due order, and neither a
 * long queue nor many places that wait cost it anything. Triggers keep it, so that no statement can forget to; whoever
 * finds a row to be too early puts it right.
 */
export function followDuePlaces(connection: SqliteDatabase.Database): void {
  for (const table of Object.values(claimables)) connection.exec(followSql(table));
}

function followSql(table: Claimable): string {
  const { name, place, dueAt, waits, shutBy } = table;
  const places = duePlacesOf(table);
  const isOpen = (value: string) =>
    shutBy ? `NOT EXISTS (SELECT 1 FROM ${shutBy} WHERE ${place} = ${value})` : "true";
  const isNewOpen = isOpen(`NEW.${place}`);
  const note = `INSERT INTO ${places} (place, due_at) VALUES (NEW.${place}, NEW.${dueAt})
    ON CONFLICT (place) DO UPDATE SET due_at = excluded.due_at WHERE excluded.due_at < due_at`;
  return `
    CREATE TEMP TABLE ${places} (place TEXT PRIMARY KEY, due_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX temp.${places}_at ON ${places} (due_at);
    ${fillSql(table)} AND ${isOpen("p.place")};
    CREATE TEMP TRIGGER ${name}_added AFTER INSERT ON ${name} WHEN ${waits("NEW")} AND ${isNewOpen}
      BEGIN ${note}; END;
    CREATE TEMP TRIGGER ${name}_changed AFTER UPDATE ON ${name}
      WHEN ${waits("NEW")} AND NOT (${waits("OLD")} AND OLD.${dueAt} <= NEW.${dueAt}) AND ${isNewOpen}
      BEGIN ${note}; END;
    ${shutBy ? followShutSql(table, shutBy) : ""}`;
}

/** Skips from place to place along the index: there may be a million rows. */
function fillSql(table: Claimable): string {
  const { name, place, dueAt, waits } = table;
  const next = (after: string) => `SELECT min(${place}) FROM ${name} WHERE ${waits(name)} ${after}`;
  return `
    WITH RECURSIVE p(place) AS (
      ${next("")} UNION ALL SELECT (${next(`AND ${place} > p.place`)}) FROM p WHERE p.place IS NOT NULL)
    INSERT INTO ${duePlacesOf(table)}
      SELECT place, (SELECT min(${dueAt}) FROM ${name} WHERE ${place} = p.place AND ${waits(name)}) FROM p
       WHERE place IS NOT NULL`;
}

function followShutSql(table: Claimable, shutBy: string): string {
  const { name, place, dueAt, waits } = table;
  const places = duePlacesOf(table);
  return `
    CREATE TEMP TRIGGER ${name}_shut AFTER INSERT ON ${shutBy}
      BEGIN DELETE FROM ${places} WHERE place = NEW.${place}; END;
    CREATE TEMP TRIGGER ${name}_opened AFTER DELETE ON ${shutBy}
      BEGIN INSERT INTO ${places} SELECT ${place}, ${dueAt} FROM ${name}
              WHERE ${place} = OLD.${place} AND ${waits(name)} ORDER BY ${dueAt} LIMIT 1; END;`;
}
