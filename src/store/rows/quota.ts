import type { IntentCap, IntentCaps, NewIntent } from "../../model/intent.ts";
import { hostOf } from "../../model/origin.ts";

/** What is counted by name: of a client, or at a callback host. */
export type Quota = { readonly pending: number; readonly subscriptions: number };

export const noQuota: Quota = { pending: 0, subscriptions: 0 };

export function hostQuota(host: string): string {
  return `host ${host}`;
}

type Asked = Pick<NewIntent, "client" | "callback">;

/** Stands for the client of what nobody asked for: the hub's notice that a subscription has ended. */
export const hubItself = "the hub";

/** Who has an intent wait. Notices are counted for each callback host, so that they start one after the other. */
export function askerQuota({ client, callback }: Asked): string {
  return client === hubItself ? `notices ${hostOf(callback)}` : `client ${client}`;
}

/** What a pending intent counts for. A notice is no stranger's doing, so that no cap is reached by it. */
export function pendingQuotas(intent: Asked): readonly string[] {
  const asker = askerQuota(intent);
  return intent.client === hubItself ? [asker] : [asker, hostQuota(hostOf(intent.callback))];
}

/** What a cap is compared with. The functions are called only where it depends on them. */
export type Counted = {
  readonly client: Quota;
  readonly host: Quota;
  /** Pending intents of this client and pair. */
  readonly ofPair: () => number;
  readonly isSubscribed: () => boolean;
};

/** The cap that keeps an intent out, if one does. */
export function findFull(mode: NewIntent["mode"], caps: IntentCaps, counted: Counted): IntentCap | undefined {
  if (counted.client.pending >= caps.client) return "client";
  if (counted.ofPair() >= caps.pair) return "pair";
  if (counted.host.pending >= caps.host) return "host";
  const adds = mode === "subscribe" && counted.host.subscriptions >= caps.subscriptions;
  return adds && !counted.isSubscribed() ? "subscriptions" : undefined;
}

/** When an intent may first be verified: who has many pending lets others go before those that come on top. */
export function startOf(now: Date, { pending }: Quota, { perMinute }: Pick<IntentCaps, "perMinute">): number {
  const beyond = Math.max(0, pending + 1 - perMinute);
  return now.getTime() + Math.ceil((beyond * 60_000) / perMinute);
}

export const noCaps: IntentCaps = {
  client: Infinity,
  pair: Infinity,
  host: Infinity,
  subscriptions: Infinity,
  perMinute: Infinity,
};
