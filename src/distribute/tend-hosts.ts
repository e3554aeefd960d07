import type { ShutHost } from "../model/host.ts";
import type { Store } from "../store/store.ts";
import type { Step } from "../work/loop.ts";
import type { HostNews } from "./host-news.ts";
import type { Hosts } from "./hosts.ts";

export type TendHostsDeps = {
  readonly hosts: Hosts;
  readonly news: HostNews;
  readonly store: Pick<Store, "hosts" | "behind">;
  readonly nudgeCatchUp: () => void;
};

/** Deliveries made due in one write: small, so that it holds up nobody. */
const batch = 500;

/**
 * Writes down which breakers are open, and makes due what waits at origins that are back, a batch of each at a time. What
 * cannot be written stays to be written. When there is nothing of that to do, learns which breakers others have opened and closed.
 */
export function createTendHosts(deps: TendHostsDeps): Step {
  return async (now) => {
    deps.hosts.sweep();
    // In this order: a crash in between leaves the origin shut, and its next probe hastens again.
    const hastened = await hastenDeliveries(deps, now);
    const saved = await saveBreakers(deps);
    if (saved + hastened > 0) deps.nudgeCatchUp();
    else deps.hosts.learn(await deps.store.hosts.listShut(), deps.news.unsaved);
    return saved + hastened;
  };
}

async function saveBreakers({ hosts, news, store }: TendHostsDeps): Promise<number> {
  const changed = [...news.unsaved];
  if (changed.length === 0) return 0;
  const shut = changed.map((origin) => hosts.shutHost(origin)).filter((host): host is ShutHost => host !== undefined);
  const open = changed.filter((origin) => !hosts.isShut(origin));
  news.unsaved.clear();
  try {
    await Promise.all([store.hosts.saveShut(shut), store.hosts.saveOpen(open)]);
  } catch (error) {
    for (const origin of changed) news.changed(origin);
    throw error;
  }
  return changed.length;
}

async function hastenDeliveries({ news, store }: TendHostsDeps, now: Date): Promise<number> {
  let hastened = 0;
  const recovered = [...news.recovered];
  for (const [origin, by] of recovered) {
    news.recovered.delete(origin);
    let count = batch;
    try {
      count = await store.behind.hasten(origin, by, batch, now);
    } finally {
      if (count === batch) news.recover(origin, by); // there may be more: in the next round
    }
    hastened += count;
  }
  return hastened;
}
