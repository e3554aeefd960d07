import { type AdminToken, openAdminToken } from "./admin-token.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createAdminDoor } from "./http/admin-door.ts";
import type { AdminDeps } from "./http/admin-routes.ts";
import type { Clients } from "./http/clients.ts";
import type { Counts } from "./metrics/counts.ts";
import { openExposition } from "./metrics/exposition.ts";
import type { Store } from "./store/store.ts";
import { version } from "./version.ts";

export type Admin = { readonly token: AdminToken; readonly deps: AdminDeps };

export type AdminParts = {
  readonly config: Config;
  readonly clock: Clock;
  readonly store: Store;
  readonly counts: Counts;
  readonly clients: Clients;
};

/** The admin surface, wherever it is served. Rejects when its token can be neither read nor made. */
export async function openAdmin({ config, clock, store, counts, clients }: AdminParts): Promise<Admin> {
  const token = await openAdminToken(config);
  const door = createAdminDoor({
    token: token.value,
    clock,
    clientOf: ({ incoming }) => clients.identify(clients.meet(incoming.socket.remoteAddress), incoming),
  });
  const askFigures = () => store.figures();
  return { token, deps: { door, openExposition: () => openExposition(counts, askFigures, clock, version) } };
}
