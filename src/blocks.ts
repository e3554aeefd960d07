import type { Post } from "./distribute/post.ts";
import type { Block, Blockable, BlockKind } from "./model/block.ts";
import { parseHttpUrl } from "./model/http-url.ts";
import { bareHost, plainUrl } from "./model/url-pattern.ts";
import { isInside, type Network, parseAddress, parseNetwork } from "./networks.ts";
import { readHostPattern } from "./config/rules.ts";

/** What a block's value must be, by kind: in words, and as it is kept. */
const values: Readonly<
  Record<BlockKind, { readonly rule: string; readonly read: (text: string) => string | undefined }>
> = {
  "callback-host": { rule: "a host (example.com, *.example.com) or an address", read: readHost },
  callback: { rule: "an absolute http(s) URL", read: readUrl },
  client: { rule: "an address or a network (192.0.2.7, 192.0.2.0/24, 2001:db8::/48)", read: readNetwork },
  topic: { rule: "an absolute http(s) URL", read: readUrl },
  publisher: { rule: "a host (example.com, *.example.com) or an address", read: readHost },
};

/** The value as blocks are kept and compared; or the rule that it breaks. */
export function readBlockValue(kind: BlockKind, text: string): { readonly value: string } | { readonly rule: string } {
  const { rule, read } = values[kind];
  const value = read(text.trim());
  return value === undefined ? { rule } : { value };
}

/** The blocks in force, as they were last read: asked for every request and every delivery, so that it must cost little. */
export class Blocks {
  #callbacks = new Map<string, string>();
  #topics = new Map<string, string>();
  #hosts: Readonly<Record<"callback-host" | "publisher", Patterns>> = {
    "callback-host": new Patterns([]),
    publisher: new Patterns([]),
  };
  #clients: readonly (readonly [network: Network, reason: string])[] = [];
  #isEmpty = true;

  load(blocks: readonly Block[]): void {
    const reasonsOf = (kind: BlockKind) =>
      blocks.flatMap((block) => (block.kind === kind ? [[block.value, block.reason] as const] : []));
    this.#callbacks = new Map(reasonsOf("callback"));
    this.#topics = new Map(reasonsOf("topic"));
    this.#hosts = {
      "callback-host": new Patterns(reasonsOf("callback-host")),
      publisher: new Patterns(reasonsOf("publisher")),
    };
    this.#clients = reasonsOf("client").map(([network, reason]) => [parseNetwork(network), reason]);
    this.#isEmpty = blocks.length === 0;
  }

  /** Why this is not served, if it is not. */
  reasonFor({ topic, callback, client }: Blockable): string | undefined {
    if (this.#isEmpty) return undefined;
    return (
      this.ofCallback(callback) ?? this.ofTopic(topic) ?? (client === undefined ? undefined : this.ofClient(client))
    );
  }

  ofCallback(callback: string): string | undefined {
    if (this.#isEmpty) return undefined;
    const url = new URL(callback);
    return this.#hosts["callback-host"].reasonFor(url.hostname) ?? this.#callbacks.get(plainUrl(url).href);
  }

  /** `client`: an address, or the /64 that stands for its client. */
  ofClient(client: string): string | undefined {
    const address = parseAddress(client.replace(/\/64$/, ""));
    if (address === undefined) return undefined;
    return this.#clients.find(([network]) => isInside(address, [network]))?.[1];
  }

  /** `topic`: its URL, or one that a redirect leads to. */
  ofTopic(topic: string): string | undefined {
    if (this.#isEmpty) return undefined;
    const url = new URL(topic);
    return this.#hosts.publisher.reasonFor(url.hostname) ?? this.#topics.get(plainUrl(url).href);
  }
}

/** Nothing is sent to who is blocked, from the moment that this process knows of it. */
export function refuseBlocked(post: Post, blocks: Blocks): Post {
  return (publication, recipient, ...rest) => {
    const reason = blocks.ofCallback(recipient.callback);
    if (reason === undefined) return post(publication, recipient, ...rest);
    return Promise.resolve({ kind: "failed", reason: "forbidden", detail: `blocked: ${reason}` });
  };
}

/** Hosts, and all hosts below one. */
class Patterns {
  readonly #reasons: ReadonlyMap<string, string>;

  constructor(reasons: readonly (readonly [pattern: string, reason: string])[]) {
    this.#reasons = new Map(reasons);
  }

  reasonFor(hostname: string): string | undefined {
    if (this.#reasons.size === 0) return undefined;
    const labels = bareHost(hostname).split(".");
    const exact = this.#reasons.get(labels.join("."));
    if (exact !== undefined) return exact;
    const above = labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join(".")}`);
    return above.map((pattern) => this.#reasons.get(pattern)).find((reason) => reason !== undefined);
  }
}

/** A pattern, or an address as URL spells it. */
function readHost(text: string): string | undefined {
  const address = parseAddress(text.replace(/^\[(.*)\]$/, "$1"));
  if (address?.kind() === "ipv6") return new URL(`http://[${address.toString()}]/`).hostname;
  const pattern = address?.toString() ?? readHostPattern(text.replace(/\.$/, ""));
  return pattern === undefined || pattern.startsWith("*.") ? pattern : URL.parse(`http://${pattern}/`)?.hostname;
}

function readUrl(text: string): string | undefined {
  const parsed = parseHttpUrl(text);
  return parsed.kind === "url" ? plainUrl(parsed.url).href : undefined;
}

/** Of IPv6 a /64 at least: that is one client. */
function readNetwork(text: string): string | undefined {
  const address = parseAddress(text);
  try {
    const [base, bits] = parseNetwork(
      address === undefined ? text : `${address.toString()}/${address.kind() === "ipv4" ? 32 : 64}`,
    );
    return `${base.toString()}/${base.kind() === "ipv6" ? Math.min(bits, 64) : bits}`;
  } catch {
    return undefined;
  }
}
