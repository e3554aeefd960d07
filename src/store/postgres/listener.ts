import { setTimeout } from "node:timers/promises";

import pg from "pg";

const pauseMs = 1000;

export type Listening = {
  readonly config: pg.ClientConfig;
  readonly channel: string;
  /** The name of this process: what it tells itself is passed over. */
  readonly node: string;
  readonly onNews: () => void;
};

/**
 * A connection of its own that hears what other nodes tell. One that is lost is made anew after a second; as something may
 * have been told meanwhile, that is news too. Resolves when `signal` has ended it. Never rejects.
 */
export async function listenUntil(signal: AbortSignal, listening: Listening): Promise<void> {
  while (!signal.aborted) {
    await listenOnce(signal, listening);
    await setTimeout(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

async function listenOnce(signal: AbortSignal, { config, channel, node, onNews }: Listening): Promise<void> {
  const client = new pg.Client(config);
  const { promise: lost, resolve: lose } = Promise.withResolvers<void>();
  const onLost = () => lose();
  client.on("end", onLost);
  client.on("error", onLost);
  signal.addEventListener("abort", onLost);
  client.on("notification", ({ payload }) => {
    if (payload !== node) onNews();
  });
  try {
    await client.connect();
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    onNews();
    await lost;
  } catch {
    // Whoever asks the database hears of it.
  }
  signal.removeEventListener("abort", onLost);
  await client.end().catch(() => undefined);
}
