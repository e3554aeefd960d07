import { hostOf } from "../../src/model/origin.ts";

/** Counts by name: `client 203.0.113.7`, `host reader.example`. */
export type Counts = Readonly<Record<string, { readonly pending: number; readonly subscriptions: number }>>;

/** What a store has counted, and what there is. */
export type Tally = { readonly kept: Counts; readonly counted: Counts };

export type CountRow = { readonly name: string; readonly pending: number; readonly subscriptions: number };
export type IntentRow = { readonly client: string; readonly callback: string };
export type SubscriptionRow = { readonly callback: string };

export const countSql = {
  quotas: "SELECT name, pending, subscriptions FROM quotas",
  intents: "SELECT client, callback FROM intents WHERE dropped_at IS NULL",
  subscriptions: "SELECT callback FROM subscriptions",
} as const;

export function tallyOf(
  quotas: readonly CountRow[],
  intents: readonly IntentRow[],
  subscriptions: readonly SubscriptionRow[],
): Tally {
  const counted: Record<string, { pending: number; subscriptions: number }> = {};
  const at = (name: string) => (counted[name] ??= { pending: 0, subscriptions: 0 });
  for (const { client, callback } of intents) {
    const isNotice = client === "the hub";
    at(isNotice ? `notices ${hostOf(callback)}` : `client ${client}`).pending += 1;
    if (!isNotice) at(`host ${hostOf(callback)}`).pending += 1;
  }
  for (const { callback } of subscriptions) at(`host ${hostOf(callback)}`).subscriptions += 1;
  const kept = Object.fromEntries(quotas.map(({ name, ...counts }) => [name, counts]));
  return { kept, counted };
}
