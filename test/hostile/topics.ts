import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

// What publishers serve when the hub asks for a topic.

/**
 * `serve`: what goes over the wire after a request, `ORIGIN` standing for the publisher's own. `expect`: what is delivered, or the
 * outcome that the hub tells its operator.
 */
export type TopicCase = {
  readonly what: string;
  readonly serve: string | Buffer;
  readonly expect: { readonly type?: string; readonly link?: string } | { readonly failed: RegExp };
};

const ok = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
const bytes = "application/octet-stream";

/** An answer of the length that it has. */
function served(body: string | Buffer, head = ""): Buffer {
  const length = Buffer.byteLength(body);
  return Buffer.concat([Buffer.from(`${ok}${head}Content-Length: ${length}\r\n\r\n`, "latin1"), Buffer.from(body)]);
}

function redirect(location: string, status = 302): string {
  return `HTTP/1.1 ${status} Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: ${location}\r\n\r\n`;
}

const redirects: readonly TopicCase[] = [
  { what: "to itself", serve: redirect("/"), failed: /more than 5 redirects/ },
  { what: "to the cloud's metadata", serve: redirect("http://169.254.169.254/latest/"), failed: /not public/ },
  { what: "to another address of this machine", serve: redirect("http://127.0.0.2:8080/"), failed: /not public/ },
  { what: "to IPv6 loopback", serve: redirect("http://[::1]:8080/"), failed: /not public/ },
  { what: "to an address in decimal", serve: redirect("http://2130706434/"), failed: /not public/ },
  { what: "to a port of mail", serve: redirect("http://127.0.0.1:25/"), failed: /port/ },
  { what: "to a file", serve: redirect("file:///etc/passwd"), failed: /neither http nor https/ },
  { what: "to gopher", serve: redirect("gopher://127.0.0.1/"), failed: /neither http nor https/ },
  { what: "to a user", serve: redirect("http://user:secret@127.0.0.1/"), failed: /user name or password/ },
  { what: "to nowhere", serve: redirect(""), failed: /./ },
  { what: "to what is no URL", serve: redirect("http://["), failed: /Location/ },
  {
    what: "without a place",
    serve: `HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    failed: /Location/,
  },
  { what: "for good, to itself", serve: redirect("ORIGIN/", 308), failed: /more than 5 redirects/ },
].map(({ what, serve, failed }) => ({ what: `a redirect ${what}`, serve, expect: { failed } }));

const bomb = Buffer.alloc(30_000_000);
const codings: readonly TopicCase[] = [
  {
    what: "a bomb in gzip",
    serve: served(gzipSync(bomb), "Content-Encoding: gzip\r\n"),
    expect: { failed: /larger than/ },
  },
  {
    what: "a bomb in deflate",
    serve: served(deflateSync(bomb), "Content-Encoding: deflate\r\n"),
    expect: { failed: /larger/ },
  },
  {
    what: "a bomb in Brotli",
    serve: served(brotliCompressSync(bomb.subarray(0, 12_000_000)), "Content-Encoding: br\r\n"),
    expect: { failed: /larger/ },
  },
  {
    what: "a bomb in zstd",
    serve: served(zstdCompressSync(bomb), "Content-Encoding: zstd\r\n"),
    expect: { failed: /larger/ },
  },
  {
    what: "two layers of gzip",
    serve: served(gzipSync(gzipSync(bomb)), "Content-Encoding: gzip, gzip\r\n"),
    expect: { failed: /more than one/ },
  },
  {
    what: "500 layers",
    serve: served("x", `Content-Encoding: ${"gzip, ".repeat(500)}gzip\r\n`),
    expect: { failed: /more than one/ },
  },
  {
    what: "a coding nobody knows",
    serve: served("x", "Content-Encoding: rot13\r\n"),
    expect: { failed: /unknown content coding/ },
  },
  {
    what: "a coding that it is not",
    serve: served("plain", "Content-Encoding: gzip\r\n"),
    expect: { failed: /not valid gzip/ },
  },
  {
    what: "gzip that breaks off",
    serve: served(gzipSync("hello").subarray(0, 15), "Content-Encoding: gzip\r\n"),
    expect: { failed: /not valid gzip/ },
  },
  {
    what: "zstd with more behind it",
    serve: served(Buffer.concat([zstdCompressSync("a"), zstdCompressSync("b")]), "Content-Encoding: zstd\r\n"),
    expect: { failed: /not valid zstd/ },
  },
];

const framing: readonly TopicCase[] = [
  { what: "12 MB", serve: served(Buffer.alloc(12_000_000)), expect: { failed: /larger than 10485760 bytes/ } },
  { what: "less than it says", serve: `${ok}Content-Length: 100\r\n\r\nshort`, expect: { failed: /broke/ } },
  {
    what: "chunks that break off",
    serve: `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
    expect: { failed: /broke/ },
  },
  {
    what: "a chunk of no size",
    serve: `${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n`,
    expect: { failed: /broken/ },
  },
  {
    what: "two lengths",
    serve: `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`,
    expect: { failed: /broken/ },
  },
  {
    what: "a length and chunks",
    serve: `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    expect: { failed: /broken/ },
  },
  { what: "no HTTP", serve: "220 mail.example ESMTP\r\n", expect: { failed: /broken/ } },
  { what: "nothing", serve: "", expect: { failed: /broken/ } },
  {
    what: "a switch of protocols",
    serve: "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    expect: { failed: /broken/ },
  },
  { what: "a status of 999", serve: "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", expect: { failed: /answered 999/ } },
  { what: "304 unasked", serve: "HTTP/1.1 304 X\r\n\r\n", expect: { failed: /answered 304/ } },
  { what: "204", serve: "HTTP/1.1 204 X\r\n\r\n", expect: { failed: /answered 204/ } },
  { what: "an error page", serve: "HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\nno", expect: { failed: /answered 500/ } },
  {
    what: "fields without end",
    serve: `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(20_000)}`,
    expect: { failed: /broken/ },
  },
  {
    what: "a thousand 103s, then 200",
    serve: `${"HTTP/1.1 103 E\r\n\r\n".repeat(1000)}${served("x").toString()}`,
    expect: { type: bytes },
  },
];

const types: readonly TopicCase[] = [
  ["that is none", "x", bytes],
  ["of several", "text/html, text/plain", bytes],
  ["of anything", "*/*", bytes],
  ["with markup", "text/html<script>", bytes],
  ["with an open quote", 'text/html; a="', bytes],
  ["with a parameter that is none", "text/html; charset", bytes],
  ["of 300 bytes", `text/plain; a=${"x".repeat(300)}`, bytes],
  ["of other letters", "text/pl\xe9in", bytes],
  ["with a parameter", "text/plain; charset=utf-8", "text/plain; charset=utf-8"],
].map(([what = "", type = "", expect = ""]) => ({
  what: `a type ${what}`,
  serve: served("x", `Content-Type: ${type}\r\n`),
  expect: { type: expect },
}));

const own = '<ORIGIN/>; rel="self", <HUB>; rel="hub"';
const self = (href: string) => `<link rel="self" href="${href}"/>`;
const feed = (inside: string) => `<feed xmlns="http://www.w3.org/2005/Atom">${inside}</feed>`;
const xml = "Content-Type: application/atom+xml\r\n";
const html = "Content-Type: text/html\r\n";
const json = "Content-Type: application/feed+json\r\n";

/** None of them says anything about itself that the hub would repeat. */
const documents: readonly TopicCase[] = [
  ["a self of scripts", xml, feed(self("javascript:alert(1)"))],
  ["a self of data", xml, feed(self("data:text/html,x"))],
  ["a self with a password", xml, feed(self("http://user:pw@a.example/"))],
  ["a self of 3 KB", xml, feed(self(`http://a.example/${"x".repeat(3000)}`))],
  [
    "entities that double",
    xml,
    `<!DOCTYPE feed [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${feed(self("http://evil.example/&b;"))}`,
  ],
  [
    "an entity from a file",
    xml,
    `<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]>${feed(self("http://evil.example/&x;"))}`,
  ],
  ["100,000 nested elements", xml, "<a>".repeat(100_000)],
  ["100,000 attributes", xml, `<feed ${"a='b' ".repeat(100_000)}>`],
  [
    "nested bases in another script",
    xml,
    `<feed>${`<a xml:base="http://${"é".repeat(900)}">`.repeat(60)}${'<link rel="self" href="javascript:x"/>'.repeat(64)}`,
  ],
  ["an endless comment", xml, `<feed><!--${"-".repeat(200_000)}`],
  ["a link in an entry", xml, feed(`<entry>${self("http://evil.example/")}</entry>`)],
  ["a link in the body of a page", html, `<html><body>${self("http://evil.example/")}`],
  ["a link in a comment", html, `<html><head><!--${self("http://evil.example/")}--></head>`],
  ["a link in a script", html, `<html><head><script>${self("http://evil.example/")}</script></head>`],
  ["100,000 nested div", html, `<html><head><noscript>${"<div>".repeat(100_000)}`],
  ["100,000 links of no use", html, `<html><head>${'<link rel="hub" href="x:y">'.repeat(100_000)}`],
  ["100,000 nested lists", json, `{"hubs":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
  ["a prototype in JSON", json, '{"__proto__":{"feed_url":"http://evil.example/"},"hubs":[{"type":"WebSub"}]}'],
  ["broken JSON", json, '{"feed_url":"http://evil.example/"'],
  ["JSON of a megabyte", json, `{"feed_url":"http://evil.example/","x":"${"x".repeat(1_000_000)}"}`],
].map(([what = "", head = "", body = ""]) => ({ what, serve: served(body, head), expect: { link: own } }));

const links: readonly TopicCase[] = [
  ["of blanks", `<http://evil.example/>${" ".repeat(8000)}; rel`],
  ["of commas", ",".repeat(8000)],
  ["of quotes", `<a>; rel="self${'\\"'.repeat(4000)}`],
  ["about something else", '<http://evil.example/>; rel="self"; anchor="http://b.example/"'],
  ["of scripts", '<javascript:alert(1)>; rel="self"'],
  ["with a user", '<http://user@evil.example/>; rel="self"'],
  ["in other letters", '<http://a.example/\xff\xfe>; rel="x"'],
].map(([what = "", value = ""]) => ({
  what: `a Link ${what}`,
  serve: served("x", `Link: ${value}\r\n`),
  expect: { link: own },
}));

export const topics: readonly TopicCase[] = [...redirects, ...codings, ...framing, ...types, ...documents, ...links];
