import type { TopicState } from "./member.ts";

/** The model of pings: what publishers serve, and which of it the hub has promised to publish (promise B). */
export class PingsModel {
  /** The version of each topic that its publisher serves. */
  readonly served = new Map<string, number>();
  /** The version that a ping was accepted for, while the topic has had subscribers. */
  readonly #pinged = new Map<string, number>();

  accept(urls: readonly string[]): void {
    for (const url of urls) this.#pinged.set(url, this.served.get(url) ?? 0);
  }

  /** Topics of which an accepted ping came to nothing so far. */
  unheard(isFollowed: (url: string) => boolean, topics: Iterable<TopicState>): readonly string[] {
    for (const url of this.#pinged.keys()) if (!isFollowed(url)) this.#pinged.delete(url);
    const known = [...topics];
    return [...this.#pinged].flatMap(([url, version]) => (newest(known, url) < version ? [url] : []));
  }
}

/** The newest version of a topic that was published; 0: none. */
function newest(topics: readonly TopicState[], of: string): number {
  const bodies = topics.filter(({ url }) => url === of).flatMap((one) => one.bodies);
  return Math.max(0, ...bodies.map((body) => Number(body.split(" ").at(-1))));
}
