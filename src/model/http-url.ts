/** A URL given by a stranger: usable, or the rule it breaks (a clause that follows the field's name). */
export type ParsedUrl =
  | { readonly kind: "url"; readonly url: URL }
  | { readonly kind: "fault"; readonly fault: string };

const maxLength = 2048;
const maxHostLength = 253;
const oddCharacters = /[\p{Cc}\s<>"\\]/u;

/**
 * Reads an absolute http(s) URL (§5.1.1). Policy: no userinfo, which clients drop silently; no fragment, which never
 * reaches the wire; at most 2048 characters, 253 of them the host's (DNS has no longer names); no white space or control characters, which parsers disagree about.
 */
export function parseHttpUrl(value: string): ParsedUrl {
  if (value.length > maxLength) return { kind: "fault", fault: `must be at most ${maxLength} characters long` };
  const url = URL.parse(value);
  const fault = faultOf(value, url);
  return fault === undefined && url !== null ? { kind: "url", url } : { kind: "fault", fault: fault ?? notAbsolute };
}

const notAbsolute = "must be an absolute http or https URL";

function faultOf(value: string, url: URL | null): string | undefined {
  if (oddCharacters.test(value))
    return "must not hold white space, control characters, quotes, angle brackets or backslashes";
  // Without a host, the URL standard would take the first part of the path for it.
  if (!/^https?:\/\/[^/?#]/i.test(value) || url === null) return notAbsolute;
  if (value.includes("#")) return "must not have a fragment";
  if (url.username || url.password) return "must not hold a user name or password";
  // As it would be asked for: without escapes, in ASCII. A dot at its end only says that nothing follows.
  const host = url.hostname.replace(/\.$/, "");
  return host.length > maxHostLength ? `must have a host of at most ${maxHostLength} characters` : undefined;
}

/**
 * The identity of a topic: spelled as the URL standard does, and with escaped unreserved characters decoded, so that
 * `%7E` and `~` are one topic (§5.1.1). The string a subscriber asked for is kept beside it for the echo.
 */
export function topicIdentity(url: URL): string {
  // Not after a stray "%", where decoding could spell the escape of another topic.
  return url.href.replace(/(?<!%[0-9a-f]?)%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
}
