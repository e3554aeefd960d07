import { randomUUID } from "node:crypto";

import type { Claimable } from "./claimable.ts";
import type { Database } from "./database.ts";
import { leaseFrom } from "./lease.ts";
import { type Statement, sql } from "./statement.ts";

type ClaimMost<Row> = (
  limit: number,
  perPlace: number,
  now: Date,
  limits?: ReadonlyMap<string, number>,
) => Promise<{ readonly rows: readonly Row[]; readonly token: string }>;

/** Rows claimed, and places gone to, by one statement. */
const most = 100;
/** Due rows that are looked at before it is asked which places there are. */
const near = 1000;
/** Lapsed claims that are freed at a time. */
const mostLapsed = 1000;

type Claimed<Row> = { readonly is_clogged: boolean } & ((Row & { readonly may: boolean }) | { readonly may: null });

/**
 * Claims due rows: place by place, that with the earliest row first, of each as many as its limit, one of its own or
 * `perPlace`, leaves room for, in due order. Resolves to fewer than there are if those are many, but to none only if there are none. Nodes that claim in
 * the same moment do not see each other's claims yet, so they may together exceed a limit for that once.
 */
export function createClaimDue<Row>(db: Database, kind: Claimable, leaseMs: number): ClaimMost<Row> {
  const nearest = claimSql(kind, nearestSql(kind));
  const farther = claimSql(kind, skippingSql(kind));
  const freeLapsed = createFreeLapsed(db, kind);

  async function claim(statement: Statement, token: string, leaseNow: number, values: readonly unknown[]) {
    const all = await db.all<Claimed<Row>>(statement, ...values, token, leaseMs, leaseNow);
    const rows = all.filter((row): row is Row & { may: true; is_clogged: boolean } => row.may === true);
    const hasPassedOver = all.some((row) => row.may === false);
    return { rows, hasPassedOver, isClogged: all[0]?.is_clogged === true };
  }

  return async (limit, perPlace, now, limits = new Map()) => {
    const token = randomUUID();
    const count = Math.min(limit, most);
    if (count <= 0) return { rows: [], token };
    await freeLapsed();
    const leaseNow = db.leaseTime(now).getTime();
    const values = [now.getTime(), count, perPlace, [...limits.keys()], [...limits.values()]];
    for (;;) {
      const claimed = await claim(nearest, token, leaseNow, values);
      if (claimed.rows.length > 0 || (!claimed.hasPassedOver && !claimed.isClogged))
        return { rows: claimed.rows, token };
      if (claimed.hasPassedOver) continue;
      const more = await claim(farther, token, leaseNow, values);
      if (more.rows.length > 0 || !more.hasPassedOver) return { rows: more.rows, token };
    }
  };
}

/** Frees what nodes had claimed whose lease is over: their late writes then match no token. */
export function createFreeLapsed(db: Database, { name, id, owner, onLapse }: Claimable): () => Promise<number> {
  const free = sql(
    `UPDATE ${name} t SET ${owner} = NULL, lease_until = NULL ${onLapse} WHERE ${id} = ANY(ARRAY(
       SELECT ${id} FROM ${name} WHERE ${owner} IS NOT NULL AND lease_until <= now()
        ORDER BY ${id} LIMIT ${mostLapsed} FOR UPDATE SKIP LOCKED))`,
  );
  return () => db.run(free);
}

// $1 now, $2 limit, $3 limit per place, $4 and $5 places with limits of their own, $6 token, $7 length of the lease,
// $8 the time that subscriptions' leases are judged by.
function claimSql(kind: Claimable, dueSql: string): Statement {
  const { name, id, place, dueAt, owner, waits, may, isOpen, onClaim } = kind;
  return sql(
    `WITH RECURSIVE ${dueSql},
     places AS MATERIALIZED (
       SELECT d.place, d.due_at, at.room, $8::bigint AS lease_now
         FROM (SELECT place, due_at FROM due WHERE due_at <= $1::bigint ORDER BY due_at, place) d
         CROSS JOIN LATERAL (
           SELECT coalesce((SELECT r.most FROM unnest($4::text[], $5::bigint[]) r(place, most) WHERE r.place = d.place LIMIT 1),
                           $3::bigint)
                  - (SELECT count(*) FROM ${name} t WHERE t.${owner} IS NOT NULL AND t.${place} = d.place) AS room
           OFFSET 0) at
        WHERE at.room > 0 AND ${isOpen("d.place")} LIMIT ${most}),
     picked AS MATERIALIZED (
       SELECT p.due_at AS turn, row.id, row.may FROM places p CROSS JOIN LATERAL (
         SELECT t.${id} AS id, ${may("t", "p.lease_now")} AS may FROM ${name} t
          WHERE t.${place} = p.place AND ${waits("t")} AND t.${dueAt} <= $1::bigint
          ORDER BY t.${dueAt}, t.${id} LIMIT least(p.room, $2::bigint) FOR UPDATE OF t SKIP LOCKED) row
        LIMIT $2::bigint),
     claimed AS (
       UPDATE ${name} t SET ${owner} = CASE WHEN picked.may THEN $6::text END,
              lease_until = CASE WHEN picked.may THEN ${leaseFrom("$7")} END,
              ${dueAt} = CASE WHEN picked.may THEN t.${dueAt} ELSE ${Number.MAX_SAFE_INTEGER} END ${onClaim}
         FROM picked WHERE t.${id} = picked.id RETURNING picked.turn, picked.may, t.*)
     SELECT clogged.is_clogged, claimed.* FROM clogged LEFT JOIN claimed ON true
      ORDER BY claimed.turn, claimed.${place}, claimed.${dueAt}, claimed.${id}`,
  );
}

/** The places of the rows that are due first. Enough, unless most of these may not be claimed. */
function nearestSql({ name, place, dueAt, waits }: Claimable): string {
  return `head AS MATERIALIZED (
       SELECT t.${place} AS place, t.${dueAt} AS due_at FROM ${name} t WHERE ${waits("t")} AND t.${dueAt} <= $1::bigint
        ORDER BY t.${dueAt} LIMIT ${near}),
     due AS (SELECT place, min(due_at) AS due_at FROM head GROUP BY place),
     clogged AS (SELECT count(*) = ${near} AS is_clogged FROM head)`;
}

/** All places: skips from one to the next, however many rows each has. */
function skippingSql({ name, place, dueAt, waits }: Claimable): string {
  const first = (after: string) =>
    `SELECT t.${place} AS place, t.${dueAt} AS due_at FROM ${name} t WHERE ${waits("t")} ${after}
      ORDER BY t.${place}, t.${dueAt} LIMIT 1`;
  return `due AS (
       (${first("")}) UNION ALL
       SELECT following.* FROM due CROSS JOIN LATERAL (${first(`AND t.${place} > due.place`)}) following),
     clogged AS (SELECT false AS is_clogged)`;
}
