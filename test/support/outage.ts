import type { Answer } from "./peer.ts";
import { callbacksAt, subscribeAll } from "./crowd.ts";
import { Names, openNamedSubscriber } from "./named-subscriber.ts";
import { openPublisher } from "./publisher.ts";
import type { Behaviour, Subscriber } from "./subscriber.ts";
import { openTestHub, type TestHubOptions } from "./test-hub.ts";

export type OutageOptions = Pick<Behaviour, "receive"> & Pick<TestHubOptions, "settings" | "running">;

export type Outage = Awaited<ReturnType<typeof openOutage>>;

const name = "shaky.example";

/** A hub, a publisher, and a host that can be down. */
export async function openOutage({ receive, ...options }: OutageOptions = {}) {
  const stack = new AsyncDisposableStack();
  const names = new Names();
  const hub = stack.use(await openTestHub({ ...options, resolve: names.resolve }));
  const publisher = stack.use(await openPublisher());
  const host = stack.use(await openNamedSubscriber(name, receive ? { receive } : {}));
  const update = (path: string, content: string | Answer) => {
    publisher.serve(path, typeof content === "string" ? { body: content } : content);
    return hub.publish(publisher.topic(path));
  };
  return {
    hub,
    publisher,
    host,
    names,
    down: () => names.down.add(name),
    up: () => names.down.delete(name),
    /** How often the hub has tried to connect to the host, verifications included. */
    tries: () => names.asked(name),
    /** So many callbacks of the host are subscribed to the topic and verified. */
    subscribe: (path: string, count: number, prefix = "") =>
      subscribeAll(hub, publisher.topic(path), callbacksAt(host, count, prefix)),
    /** Serves it, pings, and drains. */
    update,
    /** Ends with the host down and its breaker just opened; what failed is tried again on the schedule. */
    async shut(path: string, content: string) {
      names.down.add(name);
      await update(path, content);
      if ((await hub.store.hosts.listShut()).length !== 1) throw new Error("the breaker has not opened");
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** What each callback of a subscriber has been sent, by path, in order. */
export function historiesOf({ deliveries }: Subscriber): Readonly<Record<string, readonly string[]>> {
  const byPath = Map.groupBy(deliveries, ({ target }) => target);
  return Object.fromEntries([...byPath].map(([path, sent]) => [path, sent.map(({ body }) => body.toString())]));
}
