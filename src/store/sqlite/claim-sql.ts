/**
 * The statement that claims due rows of `table` for `@token`: in due order, at most `@limit` of them, and so that not
 * more than `@perOrigin` rows of one origin are claimed at a time. Origins that are full are left out before the page
 * is cut, so a long queue for one of them cannot hide the others.
 */
export function claimSql(table: {
  readonly name: string;
  readonly id: string;
  readonly dueAt: string;
  readonly owner: string;
  /** Further conditions on the row `t`. */
  readonly where: string;
  /** Further assignments. */
  readonly set?: string;
}): string {
  const { name, id, dueAt, owner, where, set } = table;
  return `
    WITH page AS (
      SELECT t.${id} AS id, t.origin AS origin, t.${dueAt} AS due_at FROM ${name} t
       WHERE t.${dueAt} <= @now AND t.${owner} IS NULL AND ${where}
         AND t.origin NOT IN
             (SELECT origin FROM ${name} WHERE ${owner} IS NOT NULL GROUP BY origin HAVING count(*) >= @perOrigin)
       ORDER BY t.${dueAt}, t.${id} LIMIT @limit * 4),
    placed AS (
      SELECT id, due_at, row_number() OVER (PARTITION BY origin ORDER BY due_at, id)
             + (SELECT count(*) FROM ${name} b WHERE b.origin = page.origin AND b.${owner} IS NOT NULL) AS place
        FROM page)
    UPDATE ${name} SET ${owner} = @token ${set ? `, ${set}` : ""}
     WHERE ${id} IN (SELECT id FROM placed WHERE place <= @perOrigin ORDER BY due_at, id LIMIT @limit)
    RETURNING *`;
}

/** What `claimSql` binds. Times are milliseconds. */
export type ClaimParameters = {
  readonly token: string;
  readonly now: number;
  readonly limit: number;
  readonly perOrigin: number;
};
