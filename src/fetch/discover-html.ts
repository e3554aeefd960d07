import { Parser } from "htmlparser2";
import { type FoundLink, maxFoundLinks, resolveLink, splitRels } from "./found-link.ts";

/** htmlparser2 takes quadratic time on deep nesting. */
const maxDepth = 64;

/** Any other start tag ends the head (HTML standard, "in head" insertion mode). */
const headElements: ReadonlySet<string> = new Set([
  "html",
  "head",
  "title",
  "base",
  "link",
  "meta",
  "style",
  "script",
  "noscript",
  "template",
]);

/** What they hold is no part of the head; trackers put images there. */
const inertElements: readonly string[] = ["noscript", "template"];

/**
 * The `link` elements in the head of an HTML document (§4), resolved by its first `base`. Links in
 * the body do not count: visitors may have written them.
 */
export function discoverHtml(text: string, url: string): readonly FoundLink[] {
  const head = readHead(text);
  const base = resolveLink(head.base ?? "", url) ?? url;
  return head.links.flatMap(({ href, rels }) => {
    const resolved = resolveLink(href, base);
    return resolved === undefined ? [] : [{ href: resolved, rels }];
  });
}

type Head = { base: string | undefined; readonly links: FoundLink[] };

function readHead(text: string): Head {
  const head: Head = { base: undefined, links: [] };
  const open: string[] = [];
  const parser = new Parser({
    onopentagname(name) {
      const isOver = !headElements.has(name) && !isInert(open);
      open.push(name);
      if (isOver || open.length > maxDepth || head.links.length >= maxFoundLinks) parser.pause();
    },
    onopentag(name, attributes) {
      if (!isInert(open)) readElement(head, name, attributes);
    },
    onclosetag(name) {
      open.pop();
      if (name === "head") parser.pause();
    },
  });
  parser.write(text); // a paused parser drops the rest, and so does one whose last tag is unfinished
  return head;
}

function isInert(open: readonly string[]): boolean {
  return open.some((name) => inertElements.includes(name));
}

function readElement(head: Head, name: string, attributes: Readonly<Record<string, string>>): void {
  const { href, rel } = attributes;
  if (href === undefined) return;
  if (name === "base") head.base ??= href;
  if (name === "link" && rel !== undefined) head.links.push({ href, rels: splitRels(rel) });
}
