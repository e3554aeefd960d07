/**
 * Whether a URL falls under an operator's pattern: a URL prefix (`https://example.com/feeds/`), a host
 * (`example.com`), or all hosts below one (`*.example.com`, not `example.com` itself).
 */
export function matchesPattern(url: URL, pattern: string): boolean {
  if (/^https?:\/\//i.test(pattern)) return url.href.startsWith(new URL(pattern).href);
  return matchesHost(url.hostname, pattern);
}

/** The same for a host alone. A final dot and the case mean nothing. */
export function matchesHost(hostname: string, pattern: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  const wanted = pattern.toLowerCase();
  return wanted.startsWith("*.") ? host.endsWith(wanted.slice(1)) : host === wanted;
}
