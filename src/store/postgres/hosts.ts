import type { HostStore } from "../host-store.ts";
import type { Database } from "./database.ts";
import { sql } from "./statement.ts";

type HostRow = { readonly origin: string; readonly trips: number; readonly shut_until: number };

const all = sql("SELECT origin, trips, shut_until FROM hosts");
// In order, so that nodes that write the same ones wait for each other and do not lock each other out.
const save = sql(
  `INSERT INTO hosts (origin, trips, shut_until)
   SELECT DISTINCT ON (origin) * FROM unnest($1::text[], $2::int[], $3::bigint[]) h(origin, trips, shut_until) ORDER BY origin
   ON CONFLICT (origin) DO UPDATE SET trips = excluded.trips, shut_until = excluded.shut_until`,
);
const remove = sql(
  `DELETE FROM hosts WHERE origin = ANY(ARRAY(
     SELECT origin FROM hosts WHERE origin = ANY($1::text[]) ORDER BY origin FOR UPDATE))`,
);

export function createHosts(db: Database): HostStore {
  return {
    listShut: async () =>
      (await db.all<HostRow>(all)).map(({ origin, trips, shut_until }) => ({
        origin,
        trips,
        until: new Date(shut_until),
      })),
    async saveShut(hosts) {
      const columns = [hosts.map(({ origin }) => origin), hosts.map(({ trips }) => trips)];
      await db.run(
        save,
        ...columns,
        hosts.map(({ until }) => until.getTime()),
      );
    },
    async saveOpen(origins) {
      await db.run(remove, origins);
    },
  };
}
