/**
 * What goes into the request line for `raw` (parsed: `url`). Byte for byte the text after the authority where that is visible
 * ASCII: a topic or callback is an opaque name (%7E, %2F, `'`, `/a/../b`), and a peer may compare it as such. Otherwise
 * the WHATWG serialisation, as in what a browser would ask for. Never holds white space, CR or LF; never the fragment.
 */
export function requestTarget(raw: string, url: URL): string {
  const target = afterAuthority.exec(raw)?.[1];
  if (target === undefined) return url.pathname + url.search;
  return target.startsWith("/") ? target : `/${target}`;
}

/** Spellings that only WHATWG's parser understands (`http:\\host`, tabs, more slashes) do not match. Linear: the classes are disjoint. */
const afterAuthority = /^https?:\/\/[^/?#\\\s]+((?:[/?][!"$-~]*)?)(?:#.*)?$/i;
