import { Parser } from "htmlparser2";
import { type FoundLink, maxFoundLinks, resolveLink, splitRels } from "./found-link.ts";

const atomNamespace = "http://www.w3.org/2005/Atom";

/** htmlparser2 takes quadratic time on deep nesting. */
const maxDepth = 64;

/** Where the feed's own metadata ends. What entries link to is not about the feed. */
const entryNames: readonly string[] = ["entry", "item"];

type Attributes = Readonly<Record<string, string>>;

/** An element that is open, and the base URL inside of it once it was asked for. */
type Element = { readonly attributes: Attributes; base: string | undefined };

/**
 * The feed's own links in an Atom or RSS document (§4), up to its first entry. A DOCTYPE with an
 * internal subset makes the whole document suspect: it then has no links. Entities other than XML's
 * own five stay as they are.
 *
 * Policy: `link` counts in the Atom namespace, without a prefix, or with one that nobody declared:
 * readers take such feeds too. xml:base is honoured.
 */
export function discoverXml(text: string, url: string): readonly FoundLink[] {
  const links: FoundLink[] = [];
  const open: Element[] = [];
  let looked = 0;
  let isSuspect = false;
  const parser = new Parser(
    {
      onprocessinginstruction(name, data) {
        if (name.toUpperCase() !== "!DOCTYPE" || !data.includes("[")) return;
        isSuspect = true;
        parser.pause();
      },
      onopentagname(name) {
        const isOver = entryNames.includes(localName(name)) || looked >= maxFoundLinks;
        if (isOver || open.length >= maxDepth) parser.pause();
      },
      onopentag(name, attributes) {
        open.push({ attributes, base: undefined });
        if (attributes["href"] === undefined || !isFeedLink(name, open)) return;
        looked += 1;
        const link = readLink(attributes, open, url);
        if (link !== undefined) links.push(link);
      },
      onclosetag() {
        open.pop();
      },
    },
    { xmlMode: true },
  );
  parser.write(text); // a paused parser drops the rest, and so does one whose last tag is unfinished
  return isSuspect ? [] : links;
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function isFeedLink(name: string, open: readonly Element[]): boolean {
  if (localName(name) !== "link") return false;
  if (name === "link") return true;
  const declaration = `xmlns:${name.slice(0, name.indexOf(":"))}`;
  const namespace = open.findLast(({ attributes }) => attributes[declaration] !== undefined)?.attributes[declaration];
  return namespace === undefined || namespace === atomNamespace;
}

function readLink({ href, rel }: Attributes, open: readonly Element[], url: string): FoundLink | undefined {
  if (href === undefined || rel === undefined) return undefined;
  const resolved = resolveLink(href, baseOf(open, url));
  return resolved === undefined ? undefined : { href: resolved, rels: splitRels(rel) };
}

/** Each xml:base is resolved once, however many links stand under it: a host of 2 KB in another script is slow to read. */
function baseOf(open: readonly Element[], url: string): string {
  let base = url;
  for (const element of open) {
    element.base ??= resolveLink(element.attributes["xml:base"] ?? "", base) ?? base;
    base = element.base;
  }
  return base;
}
