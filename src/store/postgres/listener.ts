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
    await pause(signal);
  }
}

async function listenOnce(signal: AbortSignal, { config, channel, node, onNews }: Listening): Promise<void> {
  const client = new pg.Client(config);
  const lost = new Promise<void>((resolve) => {
    client.on("end", resolve);
    client.on("error", () => resolve());
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
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
  await client.end().catch(() => undefined);
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, signal.aborted ? 0 : pauseMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
