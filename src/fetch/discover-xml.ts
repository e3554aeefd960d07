import { Parser } from "htmlparser2";
import { type FoundLink, maxFoundLinks, resolveLink, splitRels } from "./found-link.ts";

const atomNamespace = "http://www.w3.org/2005/Atom";

/** htmlparser2 takes quadratic time on deep nesting. */
const maxDepth = 64;

/** Where the feed's own metadata ends. What entries link to is not about the feed. */
const entryNames: readonly string[] = ["entry", "item"];

type Attributes = Readonly<Record<string, string>>;

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
  const open: Attributes[] = [];
  let isSuspect = false;
  const parser = new Parser(
    {
      onprocessinginstruction(name, data) {
        if (name.toUpperCase() !== "!DOCTYPE" || !data.includes("[")) return;
        isSuspect = true;
        parser.pause();
      },
      onopentagname(name) {
        const isOver = entryNames.includes(localName(name)) || links.length >= maxFoundLinks;
        if (isOver || open.length >= maxDepth) parser.pause();
      },
      onopentag(name, attributes) {
        open.push(attributes);
        const link = isFeedLink(name, open) ? readLink(attributes, open, url) : undefined;
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

function isFeedLink(name: string, open: readonly Attributes[]): boolean {
  if (localName(name) !== "link") return false;
  if (name === "link") return true;
  const declaration = `xmlns:${name.slice(0, name.indexOf(":"))}`;
  const namespace = open.findLast((attributes) => attributes[declaration] !== undefined)?.[declaration];
  return namespace === undefined || namespace === atomNamespace;
}

function readLink({ href, rel }: Attributes, open: readonly Attributes[], url: string): FoundLink | undefined {
  if (href === undefined || rel === undefined) return undefined;
  const base = open.reduce((outer, attributes) => resolveLink(attributes["xml:base"] ?? "", outer) ?? outer, url);
  const resolved = resolveLink(href, base);
  return resolved === undefined ? undefined : { href: resolved, rels: splitRels(rel) };
}
