import { openPublisher } from "../support/publisher.ts";
import type { WireAnswer } from "../outbound/answers.ts";
import { openRawPeer, type RawPeer } from "./raw-peer.ts";
import type { Scene } from "./scene.ts";

type Outcome = "delivered" | "tried again";
type Subscriber = RawPeer & { readonly first: Promise<void>; readonly outcome: Promise<Outcome> };

/** Delivers to subscribers that answer so, each at an origin of its own. What became of the first delivery shows in the next. */
export async function deliverTo(scene: Scene, answers: readonly WireAnswer[]): Promise<readonly Outcome[]> {
  await using stack = new AsyncDisposableStack();
  const publisher = stack.use(await openPublisher());
  const subscribers = await Promise.all(answers.map(async (each) => stack.use(await openAnswering(each))));
  const topics = await Promise.all(
    subscribers.map(async ({ origin }, index) => {
      const topic = publisher.topic(`/${index}`);
      publisher.serve(`/${index}`, { body: "one" });
      await scene.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": `${origin}/` });
      await scene.told(topic, "verification");
      return topic;
    }),
  );
  const publish = async (version: string) => {
    topics.forEach((_, index) => publisher.serve(`/${index}`, { body: version }));
    for (const topic of topics) await scene.post({ "hub.mode": "publish", "hub.url": topic });
  };
  await publish("one");
  await Promise.all(subscribers.map(({ first }) => first));
  await publish("two");
  return await Promise.all(subscribers.map(({ outcome }) => outcome));
}

/** Confirms what it is asked, gives the one answer to the first delivery, and a good one to all that follow. */
async function openAnswering({ answer }: WireAnswer): Promise<Subscriber> {
  const first = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<Outcome>();
  let deliveries = 0;
  const peer = await openRawPeer(({ method, target, head }, socket) => {
    if (method === "GET") {
      const challenge = new URL(target, "http://peer.example").searchParams.get("hub.challenge") ?? "";
      return socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${challenge.length}\r\n\r\n${challenge}`);
    }
    deliveries += 1;
    if (deliveries > 1) {
      outcome.resolve(/\r\ncarillon-attempt: 1\r\n/i.test(head) ? "delivered" : "tried again");
      return socket.end("HTTP/1.1 204 No Content\r\n\r\n");
    }
    socket.end(answer, "latin1");
    return first.resolve();
  });
  return { ...peer, first: first.promise, outcome: outcome.promise };
}
