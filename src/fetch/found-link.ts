/** A link as found in a header or a document: `href` is absolute unless it comes from a Link header. */
export type FoundLink = {
  readonly href: string;
  /** Lower case, in the order given. */
  readonly rels: readonly string[];
};

/** Links read from one source. It bounds the URLs parsed for one topic; no honest topic comes near it. */
export const maxFoundLinks = 64;

/** Longer URLs are skipped: they would be copied into every delivery's Link header. */
const maxUrlChars = 2048;

/** The value of a rel attribute or parameter: a list parted by blanks, of any case (RFC 8288 §3.3). */
export function splitRels(value: string): readonly string[] {
  return value
    .toLowerCase()
    .split(/[ \t\r\n\f]/)
    .filter((rel) => rel !== "");
}

/** `href` as an absolute http(s) URL, serialised by URL. Absent when it is none, empty, too long or holds userinfo. */
export function resolveLink(href: string, base: string): string | undefined {
  if (href === "" || href.length > maxUrlChars) return undefined;
  const url = URL.parse(href, base);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined;
  if (url.username !== "" || url.password !== "" || url.href.length > maxUrlChars) return undefined;
  return url.href;
}
