import * as fc from "fast-check";

import { discoverLinks } from "../../../src/fetch/discover-links.ts";
import { mutations } from "../mutations.ts";
import { inTime, pure, type Target } from "../target.ts";

const charsets = fc.constantFrom("", "; charset=utf-16le", "; charset=shift_jis", "; charset=x", '; charset="');

function documents(name: string, type: string, corpus: readonly string[], pieces: readonly string[]): Target {
  return pure(
    name,
    fc.property(mutations(corpus, pieces), charsets, (text, charset) => {
      const source = { url: "https://blog.example/dir/feed", headers: {}, contentType: type + charset };
      const { hubs, self } = inTime(() => discoverLinks({ ...source, body: Buffer.from(text) }));
      if (hubs.length > 16) throw new Error(`${hubs.length} hubs`);
      for (const url of self === undefined ? hubs : [...hubs, self]) {
        if (url.length > 2048 || !/^https?:\/\/[!-~]+$/.test(url)) throw new Error(`a link to ${url}`);
        if (new URL(url).href !== url || new URL(url).username !== "") throw new Error(`${url} is not serialised`);
      }
    }),
  );
}

const link = '<link rel="hub" href="https://hub.example/"/><link rel="self" href="x"/>';

export const html = documents(
  "html",
  "text/html",
  [`<!DOCTYPE html><html><head><base href="/b/"><title>x</title>${link}<script>"</head>"</script></head><body>`],
  [
    "<head>",
    "</head>",
    "<template>",
    "<link rel=hub href=",
    "<!--",
    "-->",
    "&#x",
    "&amp;",
    "<base href=http://é>",
    "<svg>",
    "<title>",
    "javascript:",
  ],
);

export const xml = documents(
  "xml",
  "application/atom+xml",
  [
    `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:base="/b/">${link}<entry/></feed>`,
    `<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><atom:link rel="hub" href="/h"/><item/></channel></rss>`,
  ],
  [
    "<!DOCTYPE a [",
    "<!ENTITY a '&a;'>",
    "]>",
    "<![CDATA[",
    "]]>",
    "<a:link ",
    ' xml:base="//é"',
    " xmlns:a=",
    "<x>",
    "&lol;",
    "<entry>",
  ],
);

export const json = documents(
  "json",
  "application/feed+json",
  [
    '{"version":"https://jsonfeed.org/version/1.1","feed_url":"x","hubs":[{"type":"WebSub","url":"https://hub.example/"}]}',
  ],
  ['"hubs":', "[[[[", "]]]]", '{"a":', "\\u0000", '"__proto__":', "1e999", '{"type":"WebSub","url":', "null"],
);
