/**
 * What a column holds, and so how its values travel between the stores:
 *
 * - `whole`, `real`, `text`: as they are. PostgreSQL's text takes no NUL; there it becomes U+FFFD, as the hub writes it.
 * - `flag`: 0 or 1.
 * - `secret`: text that may hold any character, as its bytes.
 * - `body`: bytes, possibly many. A table that has one is moved row by row.
 * - `ids`: a JSON array.
 * - `place`: in which order rows were added; SQLite's rowid.
 * - `owner`: the token of a claim. Nobody holds one at the target, for nothing runs at the source.
 * - `lease`, `figure`, `pair`: only PostgreSQL has the column; its value follows from others.
 */
export type Kind =
  | "whole"
  | "real"
  | "flag"
  | "text"
  | "secret"
  | "body"
  | "ids"
  | "place"
  | "owner"
  | "lease"
  | "figure"
  | "pair";

export type Table = {
  readonly name: string;
  readonly columns: Readonly<Record<string, Kind>>;
  /** The primary key: rows are read in this order. */
  readonly key: readonly string[];
  /** The store counts ids, and gives none twice. */
  readonly countsIds: boolean;
};

/**
 * Everything that is moved, each table after those it refers to. `pulse` is not: it tells of the database that it is in, that
 * it takes writes, and when a hub was last there.
 */
export const tables: readonly Table[] = [
  {
    name: "topics",
    columns: {
      id: "whole",
      url: "text",
      host: "text",
      policy: "text",
      last_seq: "whole",
      subscribers: "whole",
      etag: "text",
      last_modified: "text",
      fingerprint: "text",
      pings: "whole",
      fetch_due_at: "whole",
      fetch_owner: "owner",
      lease_until: "lease",
      fetch_started_at: "whole",
      fetch_failures: "whole",
      fetch_error: "text",
    },
    key: ["id"],
    countsIds: true,
  },
  {
    name: "intents",
    columns: {
      id: "whole",
      mode: "text",
      topic: "text",
      topic_as_asked: "text",
      callback: "text",
      pair: "pair",
      host: "text",
      client: "text",
      secret: "secret",
      lease_seconds: "real",
      verify_token: "secret",
      signature_method: "text",
      start_at: "whole",
      attempts: "whole",
      due_at: "whole",
      owner: "owner",
      lease_until: "lease",
      denial: "text",
      dropped_at: "whole",
      drop_reason: "text",
    },
    key: ["id"],
    countsIds: true,
  },
  {
    name: "subscriptions",
    columns: {
      id: "whole",
      topic_id: "whole",
      callback: "text",
      secret: "secret",
      client: "text",
      signature_method: "text",
      generation: "whole",
      first_seq: "whole",
      verified_at: "whole",
      expires_at: "whole",
    },
    key: ["id"],
    countsIds: true,
  },
  {
    name: "publications",
    columns: {
      topic_id: "whole",
      seq: "whole",
      content_type: "text",
      links: "text",
      published_at: "whole",
      body: "body",
      large_body: "text",
    },
    key: ["topic_id", "seq"],
    countsIds: false,
  },
  {
    name: "body_parts",
    columns: { name: "text", part: "whole", bytes: "body" },
    key: ["name", "part"],
    countsIds: false,
  },
  {
    name: "fan_outs",
    columns: {
      id: "place",
      topic_id: "whole",
      seq: "whole",
      start: "whole",
      cursor: "whole",
      wrapped: "flag",
      cut_done: "flag",
      cuts: "whole",
      open: "whole",
      done: "flag",
      done_at: "whole",
      delivered: "whole",
      behind: "whole",
      handed_over: "whole",
      gone: "whole",
    },
    key: ["topic_id", "seq"],
    countsIds: false,
  },
  {
    name: "chunks",
    columns: {
      id: "whole",
      topic_id: "whole",
      seq: "whole",
      owner: "owner",
      lease_until: "lease",
      todo: "ids",
      delivered: "figure",
      behind: "figure",
      gone: "figure",
    },
    key: ["id"],
    countsIds: true,
  },
  {
    name: "behind",
    columns: {
      subscription_id: "whole",
      topic_id: "whole",
      origin: "text",
      next: "whole",
      newest: "whole",
      attempts: "whole",
      due_at: "whole",
      retry_at: "whole",
      hastened_by: "whole",
      owner: "owner",
      lease_until: "lease",
    },
    key: ["subscription_id"],
    countsIds: false,
  },
  {
    name: "quotas",
    columns: { name: "text", pending: "whole", subscriptions: "whole" },
    key: ["name"],
    countsIds: false,
  },
  {
    name: "hosts",
    columns: { origin: "text", trips: "whole", shut_until: "whole" },
    key: ["origin"],
    countsIds: false,
  },
  {
    name: "attempts",
    columns: {
      id: "whole",
      at: "whole",
      topic_id: "whole",
      seq: "whole",
      subscription_id: "whole",
      count: "whole",
      attempt: "whole",
      outcome: "text",
      status: "whole",
      reason: "text",
      duration_ms: "whole",
    },
    key: ["id"],
    countsIds: true,
  },
  {
    name: "blocks",
    columns: { id: "whole", kind: "text", value: "text", reason: "text", created_at: "whole", swept: "flag" },
    key: ["id"],
    countsIds: true,
  },
  {
    name: "gaps",
    columns: { started_at: "whole", ended_at: "whole" },
    key: ["started_at"],
    countsIds: false,
  },
  {
    name: "secret_keys",
    columns: { id: "text" },
    key: ["id"],
    countsIds: false,
  },
];

/** A row's values in the order of its table's columns, alike in both stores. */
export type Row = readonly Value[];
export type Value = number | string | Buffer | null;

export function columnsOf({ columns }: Table): readonly (readonly [name: string, kind: Kind])[] {
  return Object.entries(columns);
}

/** Rows on their way at a time. A body may have any size. */
export function rowsAtOnce(table: Table): number {
  return Object.values(table.columns).includes("body") ? 1 : 1000;
}

/** Names as both databases take them, some being words of SQL. */
export function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
