import { type AdminToken, openAdminToken } from "./admin-token.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createAdminDoor } from "./http/admin-door.ts";
import type { AdminDeps } from "./http/admin-routes.ts";
import type { Counts } from "./metrics/counts.ts";
import { openExposition } from "./metrics/exposition.ts";
import type { Store } from "./store/store.ts";
import { version } from "./version.ts";

export type Admin = { readonly token: AdminToken; readonly deps: AdminDeps };

/** The admin surface, wherever it is served. Rejects when its token can be neither read nor made. */
export async function openAdmin(config: Config, clock: Clock, store: Store, counts: Counts): Promise<Admin> {
  const token = await openAdminToken(config);
  const door = createAdminDoor({
    token: token.value,
    clock,
    clientOf: ({ incoming }) => incoming.socket.remoteAddress ?? "",
  });
  const askFigures = () => store.figures();
  return { token, deps: { door, openExposition: () => openExposition(counts, askFigures, clock, version) } };
}
