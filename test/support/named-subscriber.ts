import type { Answering } from "./peer.ts";
import { type Behaviour, echo, openSubscriber, type Subscriber } from "./subscriber.ts";

/** The hub's name server, in the test's hands: every host is this machine, save that nobody listens where those are that are down. */
export class Names {
  readonly down = new Set<string>();
  readonly #asked = new Map<string, number>();

  readonly resolve = async (hostname: string): Promise<readonly string[]> => {
    this.#asked.set(hostname, this.asked(hostname) + 1);
    return [this.down.has(hostname) ? "127.0.0.2" : "127.0.0.1"];
  };

  /** How often the hub has asked for a host, which is how often it has tried to connect there. */
  asked(hostname: string): number {
    return this.#asked.get(hostname) ?? 0;
  }
}

/** A subscriber at a host of that name. It keeps no connection open, so that whether the host is down counts for each request. */
export async function openNamedSubscriber(name: string, behaviour: Behaviour = {}): Promise<Subscriber> {
  const { verify = echo, receive = () => ({ status: 204 }) } = behaviour;
  const subscriber = await openSubscriber({ verify: closing(verify), receive: closing(receive) });
  const origin = subscriber.origin.replace("127.0.0.1", name);
  return {
    origin,
    callback: (path = "/callback") => `${origin}${path}`,
    seen: (count) => subscriber.seen(count),
    get verifications() {
      return subscriber.verifications;
    },
    get deliveries() {
      return subscriber.deliveries;
    },
    [Symbol.asyncDispose]: () => subscriber[Symbol.asyncDispose](),
  };
}

function closing(answering: Answering): Answering {
  return async (request) => {
    const answer = await answering(request);
    return answer === "hang" ? answer : { ...answer, headers: { ...answer.headers, connection: "close" } };
  };
}
