import { setTimeout } from "node:timers/promises";

import pg from "pg";

/** Asks the database of a run, again while that is away. Resolves with the first column. */
export type Ask = (text: string, values?: readonly unknown[]) => Promise<readonly string[]>;

const pauseMs = 200;
const mostTries = 300;

export function openAsking(url: string): AsyncDisposable & { readonly ask: Ask } {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  pool.on("error", () => undefined);
  return {
    async ask(text, values = []) {
      for (let tries = 1; ; tries += 1) {
        try {
          const { rows } = await pool.query<[unknown]>({ text, values: [...values], rowMode: "array" });
          return rows.map(([value]) => String(value));
        } catch (error) {
          const isAway = !(error instanceof pg.DatabaseError) || /^(57|08)/.test(error.code ?? "");
          if (!isAway || tries === mostTries) throw error;
        }
        await setTimeout(pauseMs);
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}
