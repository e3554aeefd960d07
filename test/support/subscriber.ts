import { type Answering, openPeer, type Peer, type Received } from "./peer.ts";

export type Subscriber = AsyncDisposable & {
  readonly origin: string;
  /** A callback URL at this subscriber. */
  callback(path?: string): string;
  /** GETs received: verification requests and denials, in order. */
  readonly verifications: readonly Received[];
  /** POSTs received, in order. */
  readonly deliveries: readonly Received[];
  /** Resolves once `count` requests of any kind have come in all. */
  seen(count: number): Promise<void>;
};

export type Behaviour = {
  /** Absent: echoes the challenge. */
  readonly verify?: Answering;
  /** Absent: 204. */
  readonly receive?: Answering;
};

/** A subscriber on loopback that confirms what it is asked and takes what it is sent, unless told otherwise. */
export async function openSubscriber({
  verify = echo,
  receive = () => ({ status: 204 }),
}: Behaviour = {}): Promise<Subscriber> {
  const peer: Peer = await openPeer((request) => (request.method === "GET" ? verify(request) : receive(request)));
  return {
    origin: peer.origin,
    callback: (path = "/callback") => `${peer.origin}${path}`,
    get verifications() {
      return peer.received.filter(({ method }) => method === "GET");
    },
    get deliveries() {
      return peer.received.filter(({ method }) => method === "POST");
    },
    seen: (count) => peer.seen(count),
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  };
}

/** The honest answer to a verification request. */
export const echo: Answering = (request) => ({ body: parameters(request).get("hub.challenge") ?? "" });

/** The query parameters of a request, decoded. */
export function parameters(request: Received): URLSearchParams {
  return new URL(request.target, "http://peer.example").searchParams;
}
