import { topicIdentity } from "./http-url.ts";

/**
 * Whether a URL falls under an operator's pattern: a URL prefix (`https://example.com/feeds/`), a host
 * (`example.com`), or all hosts below one (`*.example.com`, not `example.com` itself). However either is spelled (`plainUrl`).
 */
export function matchesPattern(url: URL, pattern: string): boolean {
  if (!/^https?:\/\//i.test(pattern)) return matchesHost(url.hostname, pattern);
  const prefix = new URL(pattern);
  if (bareHost(url.hostname) !== bareHost(prefix.hostname)) return false; // so are most, and plainUrl costs more
  return plainUrl(url).href.startsWith(plainUrl(prefix).href);
}

/** Whether a URL is let in by the operator's lists of patterns: an empty `allow` lets in all, and what is in both is out. */
export function passesLists(url: URL, allow: readonly string[], deny: readonly string[]): boolean {
  const isIn = (list: readonly string[]) => list.some((pattern) => matchesPattern(url, pattern));
  return !isIn(deny) && (allow.length === 0 || isIn(allow));
}

/** Whether a host falls under a pattern for hosts. A final dot and the case mean nothing. */
export function matchesHost(hostname: string, pattern: string): boolean {
  const host = bareHost(hostname.toLowerCase());
  const wanted = pattern.toLowerCase();
  return wanted.startsWith("*.") ? host.endsWith(wanted.slice(1)) : host === wanted;
}

/** A URL as policy compares it: with its bare host (`bareHost`) and without escapes that need not be (`%66eed`). */
export function plainUrl(url: URL): URL {
  const plain = new URL(topicIdentity(url));
  plain.hostname = bareHost(plain.hostname);
  return plain;
}

/** A host without the final dot of a fully qualified name, and IPv4 that is written as IPv6 (`[::ffff:c000:207]`) as IPv4. */
export function bareHost(hostname: string): string {
  if (!hostname.startsWith("[")) return hostname.replace(/\.+$/, "");
  const [, high, low] = /^\[::ffff:([\da-f]{1,4}):([\da-f]{1,4})\]$/.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname;
  return [high, low].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]).join(".");
}
