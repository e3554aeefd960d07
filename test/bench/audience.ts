import type { BenchHub } from "./bench-hub.ts";
import type { Child } from "./calls.ts";
import { nowMs } from "./now-ms.ts";
import type { BenchPublisher } from "./publisher.ts";
import type { Group, SinkCalls } from "./sink-child.ts";

/** A process that subscribers live in. */
export type Sink = Child<SinkCalls>;

/** A topic, and subscribers that take what is delivered. */
export type Audience = {
  readonly topic: string;
  /** One at each origin. */
  readonly callbacks: readonly string[];
  /** Pings the hub, and resolves to how many milliseconds later each of them was delivered to. */
  publish(hub: BenchHub): Promise<readonly number[]>;
  /** How many milliseconds after the last ping so many requests were first open at a time, from one on; once per ping. */
  peaks(): Promise<readonly number[]>;
  /** Closes their connections. */
  drop(): Promise<void>;
};

/** `perOrigin` callbacks at each origin of the group, one if absent. */
export async function openAudience(
  publisher: BenchPublisher,
  sink: Sink,
  group: Group,
  perOrigin = 1,
): Promise<Audience> {
  const topic = publisher.topic(group.name);
  const origins = await sink.ask("serve", group);
  const callbacks = Array.from({ length: perOrigin }, (_, i) => callbacksAt(origins, i)).flat();
  let startedMs = 0;
  return {
    topic,
    callbacks,
    async publish(hub) {
      const tag = publisher.change(topic);
      startedMs = nowMs();
      const [times] = await Promise.all([
        sink.ask("arrived", { group: group.name, tag, count: callbacks.length }),
        hub.post({ "hub.mode": "publish", "hub.url": topic }),
      ]);
      return Array.from(times, (atMs) => atMs - startedMs);
    },
    peaks: async () => (await sink.ask("peaks", group.name)).map((atMs) => atMs - startedMs),
    drop: () => sink.ask("drop", group.name),
  };
}

/** The `place`-th callback at each of them. */
export function callbacksAt(origins: readonly string[], place = 0): readonly string[] {
  return origins.map((origin) => `${origin}/${place}`);
}
