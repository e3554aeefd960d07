import { existsSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";

import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { HubError } from "./errors.ts";
import type { Pair } from "./model/secret.ts";
import { createSecrets, type SecretKeys } from "./secrets.ts";
import type { SubscriptionLine } from "./subscription-lines.ts";
import type { Reading } from "./store/reading/reading.ts";
import { openReading } from "./verify-data.ts";
import { HubClock } from "./work/hub-clock.ts";

type Row = Pair & {
  readonly id: number;
  readonly secret: Buffer | null;
  readonly signature_method: string | null;
  readonly expires_at: number;
};

/**
 * All subscriptions in force at one moment, oldest first; hubs may go on meanwhile. Rejects with `store_unavailable` when the
 * database cannot be read, and when a secret that is asked for cannot be opened.
 */
export async function* exportSubscriptions(
  config: Pick<Config, "database" | "secretKeys" | "leaseMaxSeconds">,
  withSecrets: boolean,
): AsyncGenerator<SubscriptionLine> {
  await using reading = await openReading(config);
  const clock = await readClock(reading, config);
  const now = clock.now();
  const leaseTime = clock.leaseTime(now);
  const secrets = createSecrets(config.secretKeys);
  const question = `SELECT s.id, t.url AS topic, s.callback, ${reading.dialect.secret("s.secret")} AS secret, s.signature_method, s.expires_at
    FROM subscriptions s JOIN topics t ON t.id = s.topic_id WHERE s.expires_at > ${leaseTime.getTime()} ORDER BY s.id`;
  for await (const row of reading.rows<Row>(question)) {
    const { topic, callback, signature_method: method, expires_at: expiresAt } = row;
    yield {
      topic,
      callback,
      lease_ends_at: new Date(expiresAt + now.getTime() - leaseTime.getTime()).toISOString(),
      ...(method !== null && { signature_method: method }),
      ...(row.secret !== null &&
        (withSecrets ? { secret: openSecret(row, row.secret, secrets) } : { has_secret: true })),
    };
  }
}

/** The hub's time, as one that is started now would have it: leases did not run while it was away. */
async function readClock(reading: Reading, config: Pick<Config, "leaseMaxSeconds">): Promise<HubClock> {
  const [seen] = await Array.fromAsync(reading.rows<{ readonly at: number }>("SELECT at FROM pulse WHERE id = 1"));
  const gaps = await Array.fromAsync(
    reading.rows<{ readonly started_at: number; readonly ended_at: number }>("SELECT started_at, ended_at FROM gaps"),
  );
  const clock = new HubClock(systemClock, { madeUpForMs: config.leaseMaxSeconds * 1000, onSetBack: () => {} });
  clock.resume(
    seen && new Date(seen.at),
    gaps.map((gap) => ({ from: new Date(gap.started_at), until: new Date(gap.ended_at) })),
  );
  return clock;
}

function openSecret(row: Row, kept: Buffer, secrets: SecretKeys): string {
  const opened = secrets.open(kept.toString(), row);
  if (opened.kind === "opened") return opened.secret;
  const why = opened.kind === "damaged" ? "it was changed" : `CARILLON_SECRET_KEY lacks the key ${opened.keyId}`;
  throw new HubError("store_unavailable", `the secret of subscription ${row.id} cannot be opened: ${why}`);
}

/** Throws `store_unavailable` when not all of them could be written. */
export async function writeLines(output: NodeJS.WritableStream, lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    const cause = await new Promise((resolve) => void output.write(`${line}\n`, resolve));
    if (cause instanceof Error)
      throw new HubError("store_unavailable", `not everything was exported: ${cause.message}`, { cause });
  }
}

/** Writes lines to a file for its owner alone. Throws `store_unavailable` when it cannot be written, or exists; then there is no new file. */
export async function writeNewFile(file: string, lines: AsyncIterable<string>): Promise<void> {
  if (existsSync(file)) throw new HubError("store_unavailable", `nothing was exported: ${file} exists already`);
  const partial = `${file}.partial`;
  rmSync(partial, { force: true });
  try {
    await using to = await open(partial, "wx", 0o600);
    let waiting = "";
    for await (const line of lines) {
      waiting += `${line}\n`;
      if (waiting.length < 65_536) continue;
      await to.writeFile(waiting);
      waiting = "";
    }
    await to.writeFile(waiting);
    await to.sync();
    renameSync(partial, file);
  } catch (cause) {
    rmSync(partial, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HubError("store_unavailable", `nothing was exported: ${reason}`, { cause });
  }
}
