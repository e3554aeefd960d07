import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Serves topics out of this process, which does little else while the hub works. */
export type BenchPublisher = AsyncDisposable & {
  /** The URL of a topic, which has content of that size from then on, 2 KB if absent. */
  topic(name: string, bytes?: number): string;
  /** Gives it new content, and resolves to the tag that this begins with. */
  change(topic: string): string;
};

const usualBytes = 2048;

export async function openPublisher(): Promise<BenchPublisher> {
  const contents = new Map<string, string>();
  const sizes = new Map<string, number>();
  let changes = 0;
  const server = createServer((request, response) => {
    const content = contents.get(request.url ?? "");
    response.writeHead(content === undefined ? 404 : 200, { "content-type": "text/plain" }).end(content);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // listen() on a host and port gives an AddressInfo.
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const change = (topic: string) => {
    changes += 1;
    contents.set(new URL(topic).pathname, contentOf(String(changes), sizes.get(topic)));
    return String(changes);
  };
  return {
    topic(name, bytes = usualBytes) {
      const topic = `${origin}/${name}`;
      sizes.set(topic, bytes);
      change(topic);
      return topic;
    },
    change,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The first line tells subscribers what it is. */
export function contentOf(tag: string, bytes = usualBytes): string {
  return `${tag}\n`.padEnd(bytes, ".");
}
