import { firstOwed } from "./first-owed.ts";

/** A table whose rows fall due, count by place, and are claimed by a token and a lease. */
export type Claimable = {
  readonly name: string;
  readonly id: string;
  /** The column of places. */
  readonly place: "host" | "origin";
  readonly dueAt: string;
  readonly owner: string;
  /** Condition on a row: it waits to be claimed. Indexes hold exactly these. */
  readonly waits: (row: string) => string;
  /** Condition on a row that waits, when leases are judged by `leaseNow`: it may be claimed. Once it may not, it never may again. */
  readonly may: (row: string, leaseNow: string) => string;
  /** Condition on a place: something of it may be claimed. */
  readonly isOpen: (place: string) => string;
  /** Further assignments of a claim, and of one that is over. */
  readonly onClaim: string;
  readonly onLapse: string;
};

/** In all of them the first parameter is the present. */
export const claimables = {
  topics: {
    name: "topics",
    id: "id",
    place: "host",
    dueAt: "fetch_due_at",
    owner: "fetch_owner",
    waits: (row) => `${row}.fetch_owner IS NULL AND ${row}.fetch_due_at IS NOT NULL AND ${row}.subscribers > 0`,
    may: () => "true",
    isOpen: () => "true",
    onClaim: ", fetch_started_at = $1::bigint",
    onLapse: "",
  },
  intents: {
    name: "intents",
    id: "id",
    place: "host",
    dueAt: "due_at",
    owner: "owner",
    waits: (row) => `${row}.owner IS NULL AND ${row}.due_at IS NOT NULL`,
    may: () => "true",
    isOpen: () => "true",
    onClaim: "",
    onLapse: "",
  },
  behind: {
    name: "behind",
    id: "subscription_id",
    place: "origin",
    dueAt: "due_at",
    owner: "owner",
    waits: (row) => `${row}.owner IS NULL AND ${row}.next <= ${row}.newest`,
    may: (row, leaseNow) =>
      `EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = ${row}.subscription_id AND s.expires_at > ${leaseNow})`,
    isOpen: (place) => `NOT EXISTS (SELECT 1 FROM hosts h WHERE h.origin = ${place})`,
    onClaim: `, next = ${firstOwed("t.next", "t")}`,
    onLapse: `, due_at = 0, next = ${firstOwed("t.next", "t")}`,
  },
} as const satisfies Readonly<Record<string, Claimable>>;
