import { randomUUID } from "node:crypto";

import type { RaisedLimit } from "../behind-store.ts";
import type { Database } from "./database.ts";

/** A table whose rows fall due, count by origin, and are claimed by a token. */
export type ClaimableTable = {
  readonly name: string;
  readonly id: string;
  readonly dueAt: string;
  readonly owner: string;
  /** Further conditions on the row `t`. */
  readonly where: string;
  /** Condition on the origin `o`. */
  readonly whereOrigin?: string;
  /** Further assignments. */
  readonly set?: string;
};

export type Claimed<Row> = { readonly token: string; readonly rows: readonly Row[] };

/** How many of the earliest rows are looked at before the origins are. */
const pageSize = 512;

type Parameters = {
  readonly token: string;
  readonly now: number;
  readonly limit: number;
  readonly perOrigin: number;
  /** JSON: origins with another limit. */
  readonly raised: string;
  /** The highest limit of any origin. */
  readonly highest: number;
};

/**
 * Claims due rows inside a write: in due order, at most `limit`, and so that not more rows of one origin are claimed at
 * a time than its limit says. It looks at the earliest rows; only when there are more than those, and they do not give
 * enough, does it go through the origins, so a long queue for one hides nobody and costs little.
 */
export function createClaimDue<Row>(
  { connection }: Database,
  table: ClaimableTable,
): (limit: number, perOrigin: number, now: Date, raised?: readonly RaisedLimit[]) => Claimed<Row> {
  const earliest = connection.prepare<Parameters, Row>(claimSql(table, earliestSql(table)));
  const isPageFull = connection.prepare(
    `SELECT 1 FROM ${table.name} WHERE ${table.dueAt} <= ? AND ${table.owner} IS NULL LIMIT 1 OFFSET ${pageSize}`,
  );
  const ofEveryOrigin = connection.prepare<Parameters, Row>(claimSql(table, everyOriginSql(table)));

  return (limit, perOrigin, now, raised = []) => {
    const token = randomUUID();
    const highest = raised.reduce((most, one) => Math.max(most, one.limit), perOrigin);
    const parameters = { token, perOrigin, raised: JSON.stringify(raised), highest, now: now.getTime() };
    const rows = earliest.all({ ...parameters, limit });
    const left = limit - rows.length;
    if (left === 0 || isPageFull.get(parameters.now) === undefined) return { token, rows };
    return { token, rows: [...rows, ...ofEveryOrigin.all({ ...parameters, limit: left })] };
  };
}

/** Answered from the due index alone. */
function earliestSql({ name, id, dueAt, owner, whereOrigin = "true" }: ClaimableTable): string {
  return `
    page AS MATERIALIZED (
      SELECT * FROM (
        SELECT ${id} AS id, origin, ${dueAt} AS due_at FROM ${name}
         WHERE ${dueAt} <= @now AND ${owner} IS NULL ORDER BY ${dueAt} LIMIT ${pageSize}) o
       WHERE ${whereOrigin})`;
}

/** Skips from origin to origin along an index: SQLite has no loose index scan of its own. */
function everyOriginSql({ name, id, dueAt, owner, where, whereOrigin = "true" }: ClaimableTable): string {
  const next = (after: string) =>
    `SELECT min(origin) FROM ${name} WHERE ${owner} IS NULL AND ${dueAt} IS NOT NULL ${after}`;
  return `
    origins(origin) AS (
      ${next("")} UNION ALL
      SELECT (${next("AND origin > o.origin")}) FROM origins o WHERE o.origin IS NOT NULL),
    page AS MATERIALIZED (
      SELECT p.${id} AS id, p.origin, p.${dueAt} AS due_at
        FROM origins o LEFT JOIN busy b ON b.origin = o.origin LEFT JOIN raised r ON r.origin = o.origin
        JOIN ${name} p ON p.${id} IN (
          SELECT t.${id} FROM ${name} t
           WHERE t.origin = o.origin AND t.${owner} IS NULL AND t.${dueAt} <= @now AND ${where}
           ORDER BY t.${dueAt} LIMIT @highest)
       WHERE coalesce(b.open, 0) < coalesce(r.most, @perOrigin) AND ${whereOrigin})`;
}

function claimSql({ name, id, owner, where, set }: ClaimableTable, page: string): string {
  return `
    WITH RECURSIVE
    busy AS MATERIALIZED (SELECT origin, count(*) AS open FROM ${name} WHERE ${owner} IS NOT NULL GROUP BY origin),
    raised(origin, most) AS MATERIALIZED (SELECT value ->> 'origin', value ->> 'limit' FROM json_each(@raised)),
    ${page},
    placed AS (
      SELECT p.id, p.due_at, coalesce(r.most, @perOrigin) AS most, coalesce(b.open, 0)
             + row_number() OVER (PARTITION BY p.origin ORDER BY p.due_at, p.id) AS place
        FROM page p LEFT JOIN busy b ON b.origin = p.origin LEFT JOIN raised r ON r.origin = p.origin
             CROSS JOIN ${name} t
       WHERE coalesce(b.open, 0) < coalesce(r.most, @perOrigin) AND t.${id} = p.id AND ${where})
    UPDATE ${name} SET ${owner} = @token ${set ? `, ${set}` : ""}
     WHERE ${id} IN (SELECT id FROM placed WHERE place <= most ORDER BY due_at, id LIMIT @limit)
    RETURNING *`;
}
