import { openTestHub, type TestHub, type TestHubOptions } from "./test-hub.ts";
import type { Answer } from "./peer.ts";
import { openPublisher, type Publisher } from "./publisher.ts";
import { type Behaviour, openSubscriber, type Subscriber } from "./subscriber.ts";

export type SceneOptions = TestHubOptions &
  Behaviour & {
    /** Further parameters of the subscription request. */
    readonly asking?: Readonly<Record<string, string>>;
  };

/** A hub, a publisher, and a subscriber whose subscription to the publisher's `/feed` is verified. */
export type Scene = AsyncDisposable & {
  readonly hub: TestHub;
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
  readonly topic: string;
  readonly callback: string;
  /** Serves it at the topic from now on, pings, and drains. */
  update(content: string | Answer): Promise<void>;
  /** Bodies delivered so far, in order. */
  bodies(): readonly string[];
};

export async function openScene({ verify, receive, asking, ...options }: SceneOptions = {}): Promise<Scene> {
  const stack = new AsyncDisposableStack();
  const hub = stack.use(await openTestHub(options)); // disposed last: it need not wait for peers that hang
  const publisher = stack.use(await openPublisher());
  const subscriber = stack.use(
    await openSubscriber({
      ...(verify === undefined ? {} : { verify }),
      ...(receive === undefined ? {} : { receive }),
    }),
  );
  const topic = publisher.topic("/feed");
  await hub.subscribe(topic, subscriber.callback(), asking);
  return {
    hub,
    publisher,
    subscriber,
    topic,
    callback: subscriber.callback(),
    update(content) {
      publisher.serve("/feed", typeof content === "string" ? { body: content } : content);
      return hub.publish(topic);
    },
    bodies: () => subscriber.deliveries.map(({ body }) => body.toString()),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
