import { type FoundLink, maxFoundLinks, splitRels } from "./found-link.ts";

/** Node reads no more header than this; it bounds the work should the caller read more. */
const maxHeaderChars = 16 * 1024;

/**
 * The links of a Link header (RFC 8288 §3), `href` as written. A malformed element is skipped and costs
 * no other one; never throws; linear in the input, of which 16 Ki characters are read.
 *
 * Policy: a link with an `anchor` is about another resource, hence left out. http-link-header is not
 * used: it is quadratic on blanks and gives up on the whole header at the first stray character.
 */
export function parseLinkHeader(value: string): readonly FoundLink[] {
  const elements = splitList(value.slice(0, maxHeaderChars), ",");
  // An element that was cut may read as something it is not (`rel=hub` of `rel=hubris`).
  if (value.length > maxHeaderChars) elements.pop();
  return elements.slice(0, maxFoundLinks).flatMap((element) => readElement(element) ?? []);
}

function readElement(element: string): FoundLink | undefined {
  const [target = "", ...params] = splitList(element, ";").map((part) => part.trim());
  if (!target.startsWith("<") || !target.endsWith(">")) return undefined;
  const named = params.map(readParam);
  if (named.some(({ name }) => name === "anchor")) return undefined;
  const rel = named.find(({ name }) => name === "rel"); // the first one counts (RFC 8288 §3.3)
  return { href: target.slice(1, -1).trim(), rels: splitRels(rel?.value ?? "") };
}

function readParam(param: string): { readonly name: string; readonly value: string } {
  const equals = param.indexOf("=");
  if (equals === -1) return { name: param.toLowerCase(), value: "" };
  return { name: param.slice(0, equals).trim().toLowerCase(), value: unquote(param.slice(equals + 1).trim()) };
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  return value.slice(1, value.endsWith('"') ? -1 : undefined).replace(/\\(.)/g, "$1");
}

/** Splits where the separator stands outside of `<…>` and `"…"`. */
function splitList(text: string, separator: "," | ";"): string[] {
  const parts: string[] = [];
  let start = 0;
  let closing: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (closing !== undefined) {
      if (char === "\\" && closing === '"') at++;
      else if (char === closing) closing = undefined;
    } else if (char === "<") closing = ">";
    else if (char === '"') closing = '"';
    else if (char === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
