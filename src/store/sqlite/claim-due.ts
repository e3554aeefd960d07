import { randomUUID } from "node:crypto";

import type { Database } from "./database.ts";
import { type Claimable, duePlacesOf } from "./due-places.ts";

/** What claiming rows of one kind means. */
export type ClaimDue<Row, Claim> = {
  readonly table: Claimable;
  /** Condition on the row at `@now` and `@leaseNow`: it may be claimed. Once it may not, it never may again. */
  readonly where?: string;
  /** Further assignments. */
  readonly set?: string;
  readonly toClaim: (row: Row, token: string) => Claim;
};

type ClaimMost<Claim> = (
  limit: number,
  perPlace: number,
  now: Date,
  limits?: ReadonlyMap<string, number>,
) => Promise<readonly Claim[]>;

type OpenAt = { readonly place: string; readonly open: number };

/** Rows claimed, and places gone to, in one write: more would hold up everything else. */
const most = 100;

/**
 * Claims due rows: place by place, that with the earliest row first, of each as many as its limit, one of its own or `perPlace`, leaves
 * room for, in due order. Resolves to fewer than there are if those are many, but to none only if there are none.
 */
export function createClaimDue<Row, Claim>(db: Database, kind: ClaimDue<Row, Claim>): ClaimMost<Claim> {
  const { openByPlace, duePlaces } = preparePlaces(db, kind);
  const claimAt = createClaimAt<Row>(db, kind);

  /** `undefined`: nothing yet, but there may be more. */
  function claimSome(limit: number, at: Date, withLimits: number, roomAt: (at: OpenAt) => number) {
    const [now, leaseNow, token] = [at.getTime(), db.leaseTime(at).getTime(), randomUUID()];
    const open = new Map(openByPlace.all().map(({ place, open: count }) => [place, count]));
    // At least `most` of so many have room: where there is none, some are open, or the limit is one of its own.
    const due = duePlaces.all(now, most + open.size + withLimits);
    const places = due.map(({ place }) => ({ place, room: roomAt({ place, open: open.get(place) ?? 0 }) }));
    const withRoom = places.filter(({ room }) => room > 0).slice(0, most);
    const rows: Row[] = [];
    let passedOver = 0;
    for (const { place, room } of withRoom) {
      const count = Math.min(room, limit - rows.length);
      if (count === 0 || passedOver >= most) break;
      const claimed = claimAt({ place, count, now, leaseNow, token });
      rows.push(...claimed.rows);
      passedOver += claimed.passedOver;
    }
    const isThrough = (withRoom.length < most && passedOver === 0) || limit <= 0;
    return rows.length > 0 || isThrough ? rows.map((row) => kind.toClaim(row, token)) : undefined;
  }

  return (limit, perPlace, now, limits = new Map()) => {
    const roomAt = ({ place, open }: OpenAt) => (limits.get(place) ?? perPlace) - open;
    return db.claimUntil(() => claimSome(Math.min(limit, most), now, limits.size, roomAt));
  };
}

type At = RowClaim & { readonly place: string; readonly count: number; readonly leaseNow: number };

/** Claims at one place, and says when its next row is due. What may not be claimed goes to the end, once and for all. */
function createClaimAt<Row>(db: Database, kind: ClaimDue<Row, unknown>) {
  const { earliest, passOver, first, update, remove } = prepareRows(db, kind);
  const claimRow = createClaimRow<Row>(db, kind);

  return (at: At): { readonly rows: readonly Row[]; readonly passedOver: number } => {
    const found = earliest.all(at);
    const rows = found.filter(({ may }) => may === 1).map(({ id }) => claimRow({ ...at, id }));
    const passedOver = rows.length < found.length ? passOver.run(at).changes : 0;
    const next = first.get(at.place);
    if (next === undefined) remove.run(at.place);
    else update.run(next.due_at, at.place);
    return { rows, passedOver };
  };
}

type RowClaim = { readonly now: number; readonly token: string };

/** Claims one row, inside a write. It is read afterwards, not by RETURNING, which costs as much as all the rest. */
export function createClaimRow<Row>(
  { connection }: Database,
  { table, set }: Pick<ClaimDue<Row, unknown>, "table" | "set">,
): (claim: RowClaim & { readonly id: number }) => Row {
  const { name, id, owner } = table;
  const claim = connection.prepare(`UPDATE ${name} SET ${owner} = @token ${set ? `, ${set}` : ""} WHERE ${id} = @id`);
  const read = connection.prepare<[number], Row>(`SELECT * FROM ${name} WHERE ${id} = ?`);

  return (values) => {
    claim.run(values);
    const row = read.get(values.id);
    if (row === undefined) throw new Error(`${name} ${values.id} is gone`);
    return row;
  };
}

// `+` before a parameter keeps SQLite from compiling the statement anew for each value of it.
function preparePlaces({ connection }: Database, { table }: Pick<ClaimDue<never, unknown>, "table">) {
  const { name, place, owner } = table;
  return {
    openByPlace: connection.prepare<[], OpenAt>(
      `SELECT ${place} AS place, count(*) AS open FROM ${name} WHERE ${owner} IS NOT NULL GROUP BY ${place}`,
    ),
    duePlaces: connection.prepare<[number, number], { readonly place: string }>(
      `SELECT place FROM ${duePlacesOf(table)} WHERE due_at <= ? ORDER BY due_at, place LIMIT +?`,
    ),
  };
}

function prepareRows<Row>({ connection }: Database, { table, where = "true" }: ClaimDue<Row, unknown>) {
  const { name, id, place, dueAt, waits } = table;
  const places = duePlacesOf(table);
  const earliest = (columns: string, count: string) =>
    `SELECT ${columns} FROM ${name} WHERE ${place} = +@place AND ${waits(name)} AND ${dueAt} <= +@now
      ORDER BY ${dueAt} LIMIT ${count}`;
  return {
    earliest: connection.prepare<At, { readonly id: number; readonly may: number }>(
      earliest(`${id} AS id, ${where} AS may`, "+@count"),
    ),
    passOver: connection.prepare<At>(
      `UPDATE ${name} SET ${dueAt} = ${Number.MAX_SAFE_INTEGER}
        WHERE ${id} IN (${earliest(id, `${most}`)}) AND NOT ${where}`,
    ),
    first: connection.prepare<[string], { readonly due_at: number }>(
      `SELECT ${dueAt} AS due_at FROM ${name} WHERE ${place} = +? AND ${waits(name)} ORDER BY ${dueAt} LIMIT 1`,
    ),
    update: connection.prepare(`UPDATE ${places} SET due_at = ? WHERE place = ?`),
    remove: connection.prepare(`DELETE FROM ${places} WHERE place = ?`),
  };
}
