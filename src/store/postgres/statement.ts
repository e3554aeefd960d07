import { createHash } from "node:crypto";

/** A statement that each connection prepares once. */
export type Statement = { readonly name: string; readonly text: string };

/** What runs statements: a connection inside a transaction, or any of the pool, where each stands for itself. */
export interface Session {
  /** Resolves to the rows it returns. */
  all<Row>(statement: Statement, ...values: readonly unknown[]): Promise<readonly Row[]>;

  /** Resolves to how many rows it wrote. */
  run(statement: Statement, ...values: readonly unknown[]): Promise<number>;
}

export function sql(text: string): Statement {
  return { name: createHash("sha256").update(text).digest("base64url").slice(0, 24), text };
}
