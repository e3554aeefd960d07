import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { discoverLinks } from "../../src/fetch/discover-links.ts";
import type { AdvertisedLinks } from "../../src/model/topic.ts";

const URL_OF_TOPIC = "https://blog.example/dir/feed";
const HUB = "https://hub.example/";
const SELF = "https://blog.example/self";
const BOTH = { hubs: [HUB], self: SELF };
const NONE = { hubs: [], self: undefined };
const LINKS = `<link rel="hub" href="${HUB}"/><link rel="self" href="${SELF}"/>`;
const ATOM_LINKS = LINKS.replaceAll("<link", "<atom:link");
const ATOM_NS = "http://www.w3.org/2005/Atom";

function discover(contentType: string, body: string | Buffer, link?: string): AdvertisedLinks {
  const headers: Record<string, string> = link === undefined ? {} : { link };
  return discoverLinks({ url: URL_OF_TOPIC, headers, contentType, body: Buffer.from(body) });
}

describe("§4 the Link header", () => {
  test("names hub and self for any type", () => {
    expect(discover("image/png", "", `<${HUB}>; rel="hub", </self>; rel="self"`)).toEqual(BOTH);
  });

  test("comes before the body; the first self counts; no hub comes twice", () => {
    const html = `<html><head><link rel="hub" href="https://b.example/">${LINKS}</head>`;
    const links = discover("text/html", html, `<${HUB}>; rel="hub", <first>; rel="self"`);
    expect(links).toEqual({ hubs: [HUB, "https://b.example/"], self: "https://blog.example/dir/first" });
  });

  test.each([
    ["javascript:alert(1)"],
    ["ftp://hub.example/"],
    ["mailto:a@hub.example"],
    ["https://user@hub.example/"],
    ["https://:pw@hub.example/"],
    ["https://"],
    [""],
    [`/${"x".repeat(2048)}`],
  ])("%j is skipped", (href) => {
    expect(discover("", "", `<${href}>; rel="hub self", <${HUB}>; rel=hub`)).toEqual({ hubs: [HUB], self: undefined });
  });

  test("at most 16 hubs are kept", () => {
    const header = Array.from({ length: 40 }, (_, i) => `</${i}>; rel=hub`).join(",");
    expect(discover("", "", header).hubs).toHaveLength(16);
  });
});

describe("§4 HTML", () => {
  test.each([
    ["in the head", `<!DOCTYPE html><html><head><title>x</title>${LINKS}</head><body>`, BOTH],
    ["in capitals, unquoted", `<HEAD><LINK REL=HUB HREF=${HUB}>`, { hubs: [HUB], self: undefined }],
    ["without html and head tags", `<title>x</title>${LINKS}<p>`, BOTH],
    ["after scripts and trackers", `<head><script>"<p>"</script><noscript><img src=x></noscript>${LINKS}`, BOTH],
    [
      "one link with several rels",
      `<link rel="self  hub" href="/x">`,
      { hubs: ["https://blog.example/x"], self: "https://blog.example/x" },
    ],
    [
      "resolved by base",
      `<base href="/b/"><link rel=hub href=h>`,
      { hubs: ["https://blog.example/b/h"], self: undefined },
    ],
    [
      "a base that is no URL of ours",
      `<base href="data:x"><link rel=hub href=h>`,
      { hubs: ["https://blog.example/dir/h"], self: undefined },
    ],
    ["escaped ampersands", `<link rel=self href="/?a&amp;b">`, { hubs: [], self: "https://blog.example/?a&b" }],
    ["not in the body", `<html><body>${LINKS}`, NONE],
    ["not after the head", `<head></head>${LINKS}`, NONE],
    ["not after the first paragraph", `<p>${LINKS}`, NONE],
    ["not in a comment", `<head><!-- ${LINKS} --></head>`, NONE],
    [
      "not in a title, script, noscript or template",
      ["title", "script", "noscript", "template"].map((t) => `<${t}>${LINKS}</${t}>`).join(""),
      NONE,
    ],
    ["not an anchor", `<a rel="hub" href="${HUB}">`, NONE],
    ["no rel, no href", `<link href="/x"><link rel="hub">`, NONE],
  ])("%s", (_, html, links) => {
    expect(discover("text/html; charset=utf-8", html)).toEqual(links);
  });

  test("XHTML", () => {
    const page = `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head>${LINKS}</head><body/></html>`;
    expect(discover("application/xhtml+xml", page)).toEqual(BOTH);
  });
});

describe("§4 Atom and RSS", () => {
  test.each([
    ["Atom", `<?xml version="1.0"?><feed xmlns="${ATOM_NS}">${LINKS}<entry/></feed>`, BOTH],
    ["Atom with a prefix", `<a:feed xmlns:a="${ATOM_NS}">${LINKS.replaceAll("<link", "<a:link")}</a:feed>`, BOTH],
    [
      "RSS with atom:link",
      `<rss xmlns:atom="${ATOM_NS}"><channel><link>https://x.example/</link>${ATOM_LINKS}<item/>`,
      BOTH,
    ],
    ["RSS with a prefix nobody declared", `<rss><channel>${ATOM_LINKS}</channel></rss>`, BOTH],
    [
      "RSS 1.0",
      `<rdf:RDF xmlns:rdf="r" xmlns:atom="${ATOM_NS}"><channel><items/>${ATOM_LINKS}</channel><item/></rdf:RDF>`,
      BOTH,
    ],
    [
      "RSS 0.91 with its DOCTYPE",
      `<!DOCTYPE rss PUBLIC "-//N//EN" "http://n.example/rss.dtd"><rss><channel>${LINKS}`,
      BOTH,
    ],
    [
      "relative",
      `<feed><link rel="self" href="../f?a&amp;b"/></feed>`,
      { hubs: [], self: "https://blog.example/f?a&b" },
    ],
    [
      "xml:base",
      `<feed xml:base="/a/"><x xml:base="b/"><link rel="hub" href="c"/></x></feed>`,
      { hubs: ["https://blog.example/a/b/c"], self: undefined },
    ],
    [
      "xml:base that ends with its element",
      `<feed xml:base="/a/"><x xml:base="b/"><link rel="hub" href="c"/></x><link rel="self" href="d"/></feed>`,
      { hubs: ["https://blog.example/a/b/c"], self: "https://blog.example/a/d" },
    ],
    ["links of another namespace", `<rss xmlns:o="urn:other"><o:link rel="hub" href="${HUB}"/></rss>`, NONE],
    [
      "a prefix bound anew inside",
      `<a:feed xmlns:a="${ATOM_NS}"><x xmlns:a="urn:o"><a:link rel="hub" href="/n"/></x>${ATOM_LINKS.replaceAll("atom:", "a:")}`,
      BOTH,
    ],
    ["links of an entry", `<feed><entry>${LINKS}</entry></feed>`, NONE],
    ["links of an item", `<rss><channel><item>${ATOM_LINKS}</item></channel></rss>`, NONE],
    ["in CDATA and comments", `<feed><![CDATA[${LINKS}]]><!--${LINKS}--></feed>`, NONE],
    ["an internal subset", `<!DOCTYPE feed [<!ENTITY h "${HUB}">]><feed>${LINKS}</feed>`, NONE],
    ["an internal subset in lower case", `<!doctype feed SYSTEM "x" [ ]><feed>${LINKS}</feed>`, NONE],
    ["not XML at all", `<feed <link rel=hub`, NONE],
  ])("%s", (_, xml, links) => {
    expect(discover("application/xml", xml)).toEqual(links);
  });

  test.each([
    "application/atom+xml",
    "application/rss+xml;charset=utf-8",
    "text/xml",
    "text/html",
    "text/plain",
    "application/octet-stream",
    "",
  ])("a feed served as %j", (contentType) => {
    expect(discover(contentType, `\ufeff<?xml version="1.0"?>\n<feed xmlns="${ATOM_NS}">${LINKS}</feed>`)).toEqual(
      BOTH,
    );
  });

  test("a feed served as an image is not read", () => {
    expect(discover("image/png", `<feed>${LINKS}</feed>`)).toEqual(NONE);
  });

  test.each([
    ["UTF-16 by its mark", "application/xml", Buffer.from(`\ufeff<feed>${LINKS}</feed>`, "utf16le")],
    ["UTF-16 by its type", "application/xml; charset=utf-16le", Buffer.from(`<feed>${LINKS}</feed>`, "utf16le")],
    ["a charset nobody knows", "application/xml; charset=nonsense", Buffer.from(`<feed>\xe9${LINKS}</feed>`, "latin1")],
  ])("%s", (_, contentType, body) => {
    expect(discover(contentType, body)).toEqual(BOTH);
  });

  test("Latin-1 in a URL", () => {
    const body = Buffer.from('<feed><link rel="self" href="/caf\xe9"/></feed>', "latin1");
    expect(discover("text/xml; charset=iso-8859-1", body).self).toBe("https://blog.example/caf%C3%A9");
  });
});

describe("§4 JSON Feed", () => {
  const feed = { version: "https://jsonfeed.org/version/1.1", feed_url: SELF, hubs: [{ type: "WebSub", url: HUB }] };

  test.each(["application/feed+json", "application/json; charset=utf-8", "text/plain", ""])("served as %j", (type) => {
    expect(discover(type, JSON.stringify(feed))).toEqual(BOTH);
  });

  test.each([
    ["hubs of another kind", { ...feed, hubs: [{ type: "rssCloud", url: HUB }] }, { hubs: [], self: SELF }],
    [
      "faulty members cost only themselves",
      { hubs: [1, null, { url: HUB }, { type: "WebSub" }, ...feed.hubs], feed_url: {} },
      { hubs: [HUB], self: undefined },
    ],
    ["hubs that are no list", { ...feed, hubs: { type: "WebSub", url: HUB } }, { hubs: [], self: SELF }],
    [
      "relative URLs",
      { feed_url: "/self", hubs: [{ type: "WebSub", url: "hub" }] },
      { hubs: ["https://blog.example/dir/hub"], self: SELF },
    ],
    ["a list", [feed], NONE],
    ["null", null, NONE],
  ])("%s", (_, value, links) => {
    expect(discover("application/json", JSON.stringify(value))).toEqual(links);
  });

  test("broken JSON and JSON beyond 256 KiB hold no links", () => {
    expect(discover("application/json", JSON.stringify(feed).slice(0, -1))).toEqual(NONE);
    expect(discover("application/json", JSON.stringify({ ...feed, pad: "x".repeat(256 * 1024) }))).toEqual(NONE);
  });
});

// No time is asserted: that each of these ends is the point, and the runner has a limit of its own.
describe("a hostile document", () => {
  const attributes = Array.from({ length: 200_000 }, (_, i) => `a${i}=""`).join(" ");

  test.each([
    ["500,000 nested div", "<div>".repeat(500_000)],
    ["500,000 nested div where they do not end the head", `<head><noscript>${"<div>".repeat(500_000)}`],
    ["500,000 nested templates", "<template>".repeat(500_000)],
    ["200,000 attributes", `<html><link ${attributes}>`],
    ["entities in an attribute", `<link rel="${"&".repeat(500_000)}"`],
    ["unclosed comments", "<!--".repeat(200_000)],
    ["closing paragraphs", `<noscript>${"</p>".repeat(200_000)}`],
    ["a doctype full of entities", `<!DOCTYPE feed [${'<!ENTITY a "&a;">'.repeat(50_000)}]><feed/>`],
    ["namespaces by the thousand", `<feed ${attributes.replaceAll("a", "xmlns:a")}>${"<a1:x/>".repeat(50_000)}`],
  ])("%s", (_, body) => {
    for (const type of ["text/html", "application/atom+xml"]) expect(discover(type, body)).toEqual(NONE);
  });

  test("a base of 200 kB for 5,000 links", () => {
    const body = `<feed xml:base="/${"x".repeat(200_000)}">${'<link rel="hub" href="h"/>'.repeat(5000)}`;
    expect(discover("application/xml", body).hubs).toEqual(["https://blog.example/dir/h"]);
  });

  test("500,000 nested JSON lists", () => {
    for (const depth of [100_000, 500_000]) {
      expect(discover("application/json", `{"hubs":[${"[".repeat(depth)}`)).toEqual(NONE);
      expect(discover("application/json", `{"hubs":[${"[".repeat(depth)}${"]".repeat(depth)}]}`)).toEqual(NONE);
    }
  });

  test("links deeper than 64 elements or beyond 256 KiB are not looked for", () => {
    expect(discover("application/xml", `<feed>${"<x>".repeat(64)}${LINKS}`)).toEqual(NONE);
    expect(discover("text/html", `${"<head>".repeat(65)}${LINKS}`)).toEqual(NONE);
    expect(discover("application/xml", `<feed>${" ".repeat(256 * 1024)}${LINKS}`)).toEqual(NONE);
  });

  test("any body under any type is read without an error, and every link found is absolute", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "<link rel=hub href=",
      '"',
      "/",
      "x",
      "<feed>",
      "<head>",
      "</head>",
      "<!",
      "[",
      "{",
      "&#x110000;",
      "&#0;",
      "\0",
      "xmlns:a=",
      "<a:link",
      ' rel="self" ',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join("")),
    );
    const type = fc.oneof(
      fc.string(),
      fc.constantFrom("text/html", "application/xml", "application/json", "text/plain"),
    );
    fc.assert(
      fc.property(type, text, (contentType, body) => {
        const { hubs, self } = discover(contentType, body);
        for (const url of [...hubs, ...(self === undefined ? [] : [self])]) expect(new URL(url).href).toBe(url);
      }),
      { numRuns: 500 },
    );
  });
});
