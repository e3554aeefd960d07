import type { Ask } from "./ask.ts";

/** Names a node's sessions, and so whose claims are whose. */
export function urlFor(url: string, node: string): string {
  const named = new URL(url);
  named.searchParams.set("application_name", node);
  return named.href;
}

const tables = { topics: "fetch_owner", intents: "owner", chunks: "owner", behind: "owner" };

/** Has the database note from now on which node has claimed what. To be called once a node has made the tables. */
export async function noteClaims(ask: Ask): Promise<void> {
  await ask("CREATE TABLE claims (token text PRIMARY KEY, node text NOT NULL)");
  for (const [table, owner] of Object.entries(tables)) {
    await ask(`
      CREATE FUNCTION note_${table}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO claims VALUES (NEW.${owner}, current_setting('application_name')) ON CONFLICT DO NOTHING;
          RETURN NULL;
        END $$`);
    await ask(`
      CREATE TRIGGER note_claims AFTER INSERT OR UPDATE OF ${owner} ON ${table} FOR EACH ROW
        WHEN (NEW.${owner} IS NOT NULL) EXECUTE FUNCTION note_${table}()`);
  }
}

/** Has the leases of a node run out. */
export async function endLeasesOf(ask: Ask, node: string): Promise<void> {
  for (const [table, owner] of Object.entries(tables)) {
    await ask(
      `UPDATE ${table} SET lease_until = '-infinity'
              WHERE lease_until <> '-infinity' AND ${owner} IN (SELECT token FROM claims WHERE node = $1)`,
      [node],
    );
  }
}
