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

/** A URL as policy compares it: without a final dot of its host (`example.com.`) and without escapes that need not be (`%66eed`). */
export function plainUrl(url: URL): URL {
  const plain = new URL(topicIdentity(url));
  plain.hostname = bareHost(plain.hostname);
  return plain;
}

/** A host without the final dot of a fully qualified name. */
export function bareHost(hostname: string): string {
  return hostname.replace(/\.+$/, "");
}
