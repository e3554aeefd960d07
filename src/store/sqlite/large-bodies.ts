import { setImmediate } from "node:timers/promises";

import { HubError } from "../../errors.ts";
import { allocateLarge, freeWhole } from "../../work/large-body.ts";
import { partsOf } from "../rows/body-parts.ts";
import type { Database } from "./database.ts";

/** Bodies in parts. SQLite writes and reads a row as a whole, and while it does nothing else happens: each has its own turn. */
export type LargeBodies = {
  /**
   * Stores a body under a name that is its own, replacing parts that an earlier try has left, and then runs `work`, which may need it.
   * Should that come to false the body is not needed.
   */
  readonly around: (name: string, body: Buffer, work: () => Promise<boolean>) => Promise<boolean>;
  /** Rejects with `not_found` when it is removed meanwhile. */
  readonly load: (name: string) => Promise<Buffer>;
  /** Also of a body that is not there, or not all of it. */
  readonly remove: (name: string) => Promise<void>;
};

type Part = { readonly part: number; readonly bytes: number };

/** What one write takes to the disk: more would hold up others, less take longer in all. */
const partsAtOnce = 4;

export function createLargeBodies({ connection, write, claim, read }: Database): LargeBodies {
  const insert = connection.prepare("INSERT OR REPLACE INTO body_parts (name, part, bytes) VALUES (?, ?, ?)");
  const parts = connection.prepare<[string], Part>(
    "SELECT part, length(bytes) AS bytes FROM body_parts WHERE name = ? ORDER BY part",
  );
  const bytesOf = connection
    .prepare<[string, number], Buffer>("SELECT bytes FROM body_parts WHERE name = ? AND part = ?")
    .pluck();
  const removeOne = connection.prepare(
    "DELETE FROM body_parts WHERE name = @name AND part = (SELECT max(part) FROM body_parts WHERE name = @name)",
  );

  async function add(name: string, body: Buffer): Promise<void> {
    const all = [...partsOf(body).entries()];
    for (let from = 0; from < all.length; from += partsAtOnce) {
      const some = all.slice(from, from + partsAtOnce);
      await write(() => {
        for (const [part, bytes] of some) insert.run(name, part, bytes);
      });
      // Left to SQLite it would come with some later commit, when there is far more to copy.
      await read(() => connection.pragma("wal_checkpoint(PASSIVE)"));
      await setImmediate();
    }
  }

  async function remove(name: string): Promise<void> {
    while ((await claim(() => removeOne.run({ name }).changes)) > 0);
  }

  return {
    async around(name, body, work) {
      await add(name, body);
      const isNeeded = await work();
      if (!isNeeded) await remove(name);
      return isNeeded;
    },
    async load(name) {
      const all = await read(() => parts.all(name));
      const body = Buffer.from(allocateLarge(all.reduce((sum, { bytes }) => sum + bytes, 0)));
      let at = 0;
      for (const { part } of all) {
        const bytes = await read(() => bytesOf.get(name, part));
        if (bytes === undefined) throw new HubError("not_found", `part ${part} of the body ${name} is gone`);
        at += bytes.copy(body, at);
        freeWhole(bytes);
        await setImmediate();
      }
      return body;
    },
    remove,
  };
}
