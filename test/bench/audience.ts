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
  publish(hub: Pick<BenchHub, "post">): Promise<readonly number[]>;
  /** The same for the `count` that were first. */
  publishTo(hub: Pick<BenchHub, "post">, count: number): Promise<readonly number[]>;
  /** How many milliseconds after the last ping so many requests were first open at a time, from one on; once per ping. */
  peaks(): Promise<readonly number[]>;
  /** Closes their connections. */
  drop(): Promise<void>;
  /** Some of them as subscribers of another topic of that size. */
  someOf(count: number, bytes?: number): Audience;
};

export type AudienceOptions = {
  /** Callbacks at each origin. Absent: one. */
  readonly perOrigin?: number;
  /** Size of what is delivered. Absent: 2 KB. */
  readonly bytes?: number | undefined;
};

export async function openAudience(
  publisher: BenchPublisher,
  sink: Sink,
  group: Group,
  { perOrigin = 1, bytes }: AudienceOptions = {},
): Promise<Audience> {
  const origins = await sink.ask("serve", group);
  const callbacks = Array.from({ length: perOrigin }, (_, i) => callbacksAt(origins, i)).flat();
  return toAudience({ publisher, sink, group, bytes }, group.name, callbacks);
}

type Where = {
  readonly publisher: BenchPublisher;
  readonly sink: Sink;
  readonly group: Group;
  readonly bytes: number | undefined;
};

function toAudience(where: Where, name: string, callbacks: readonly string[]): Audience {
  const { publisher, sink, group } = where;
  const topic = publisher.topic(name, where.bytes);
  let startedMs = 0;
  const publishTo: Audience["publishTo"] = async (hub, count) => {
    const tag = publisher.change(topic);
    startedMs = nowMs();
    const [times] = await Promise.all([
      sink.ask("arrived", { group: group.name, tag, count }),
      hub.post({ "hub.mode": "publish", "hub.url": topic }),
    ]);
    return Array.from(times, (atMs) => atMs - startedMs);
  };
  return {
    topic,
    callbacks,
    publish: (hub) => publishTo(hub, callbacks.length),
    publishTo,
    someOf: (count, bytes = where.bytes) =>
      toAudience({ ...where, bytes }, `${name}-${count}`, callbacks.slice(0, count)),
    peaks: async () => (await sink.ask("peaks", group.name)).map((atMs) => atMs - startedMs),
    drop: () => sink.ask("drop", group.name),
  };
}

/** The `place`-th callback at each of them. */
export function callbacksAt(origins: readonly string[], place = 0): readonly string[] {
  return origins.map((origin) => `${origin}/${place}`);
}
