import { openTestHub, type TestHub, type TestHubOptions } from "../support/test-hub.ts";
import { openPublisher, type Publisher } from "../support/publisher.ts";
import { openSubscriber, type Subscriber } from "../support/subscriber.ts";
import type { Client } from "./client-behaviours.ts";

type Place = { readonly topic: string; readonly hubUrl: string };

export type ClientSceneOptions<C extends Client> = TestHubOptions & {
  /** The client, once topic and hub are known. */
  readonly client: (place: Place) => C;
  /** Its callback's path and query. Absent: /callback. */
  readonly callback?: string;
  /** Further parameters of the subscription request. */
  readonly asking?: Readonly<Record<string, string>>;
};

/** A hub, a publisher's `/feed`, and a real client's twin that has asked to be subscribed to it. */
export type ClientScene<C extends Client> = AsyncDisposable & {
  readonly hub: TestHub;
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
  readonly client: C;
  readonly topic: string;
  readonly callback: string;
  /** Serves it at the topic from now on, pings, and drains. */
  update(body: string | Buffer): Promise<void>;
};

export async function openClientScene<C extends Client>(options: ClientSceneOptions<C>): Promise<ClientScene<C>> {
  const { client: toClient, callback: path = "/callback", asking, ...hubOptions } = options;
  const stack = new AsyncDisposableStack();
  const hub = stack.use(await openTestHub(hubOptions));
  const publisher = stack.use(await openPublisher());
  const topic = publisher.topic("/feed");
  const client = toClient({ topic, hubUrl: hub.url });
  const subscriber = stack.use(await openSubscriber(client));
  const callback = subscriber.callback(path);
  await hub.subscribe(topic, callback, asking);
  return {
    hub,
    publisher,
    subscriber,
    client,
    topic,
    callback,
    update(body) {
      publisher.serve("/feed", { headers: { "Content-Type": "application/atom+xml" }, body });
      return hub.publish(topic);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
