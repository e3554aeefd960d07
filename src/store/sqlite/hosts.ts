import type { HostStore } from "../host-store.ts";
import type { Database } from "./database.ts";

type HostRow = { readonly origin: string; readonly trips: number; readonly shut_until: number };

export function createHosts({ connection, write, read }: Database): HostStore {
  const all = connection.prepare<[], HostRow>("SELECT origin, trips, shut_until FROM hosts");
  const save = connection.prepare(
    `INSERT INTO hosts (origin, trips, shut_until) VALUES (@origin, @trips, @until)
     ON CONFLICT (origin) DO UPDATE SET trips = @trips, shut_until = @until`,
  );
  const remove = connection.prepare("DELETE FROM hosts WHERE origin = ?");

  return {
    listShut: () =>
      read(() => all.all().map(({ origin, trips, shut_until }) => ({ origin, trips, until: new Date(shut_until) }))),
    saveShut: (hosts) =>
      write(() => {
        for (const { origin, trips, until } of hosts) save.run({ origin, trips, until: until.getTime() });
      }),
    saveOpen: (origins) =>
      write(() => {
        for (const origin of origins) remove.run(origin);
      }),
  };
}
