import { threadCpuUsage } from "node:process";

import { describe, expect, test } from "vitest";
import { deliverableContentType } from "../../src/fetch/content-type.ts";
import { discoverLinks } from "../../src/fetch/discover-links.ts";

/** What reading a topic's answer may take of the event loop. Measured: the worst of these takes a quarter of it. */
const mostMs = 50;

const bodyBytes = 256 * 1024;
const headerBytes = 16 * 1024;

/** Hosts that URL is slow to read. */
const accents = `http://${"é".repeat(1000)}`;
const combining = `http://${"a\u0300\u0315\u0300\u05ae".repeat(200)}`;

const html = {
  "nested div": fill("<div>"),
  "nested templates": `<head>${fill("<template><div>")}`,
  "elements that come and go in a template": `<head><template>${fill("<i></i>")}`,
  "elements that come and go at depth 60": `<head>${"<template>".repeat(60)}${fill("<i></i>")}`,
  attributes: `<link ${fill("a b c=d ")}>`,
  "attributes of different names": `<link ${Array.from({ length: 40_000 }, (_, i) => `a${i}`).join(" ")}>`,
  entities: `<link href="${fill("&amp;&#x41;&notit;&")}">`,
  comments: `<head>${fill("<!---->")}`,
  "an endless comment": `<head><!--${fill("--!-")}`,
  "ends of scripts that are none": `<script>${fill("</scrip")}`,
  "ends of nothing": `<head><template>${fill("</p></br>")}`,
  "angle brackets": fill("<"),
  "links without end": `<head>${fill("<link rel=hub href=//a>")}`,
  "links of no use": `<head>${fill("<link rel=hub href=x:y>")}`,
  "rels without end": `<head>${`<link href=/ rel="${" a".repeat(2000)}">`.repeat(63)}`,
  "hosts in another script": `<head>${[accents, combining].map((url) => `<link rel=hub href="${url}">`.repeat(32)).join("")}`,
};

const xml = {
  "nested elements": fill("<a>"),
  attributes: `<a ${fill('a="b" ')}>`,
  "long bases, one inside the other": bases(`http://a/${"x".repeat(2000)}/`, "x".repeat(1900)),
  "bases that go up": bases(`/${"a/".repeat(1000)}`, "../".repeat(600)),
  "bases in another script": bases(accents, "x"),
  "bases of combining marks": bases(combining, "x"),
  "a base for every link": `<feed>${`<a xml:base="http://é/"><link rel="hub" href="http://é:x"/></a>`.repeat(5000)}`,
  CDATA: fill("<![CDATA["),
  instructions: fill("<?x ?>"),
  doctypes: fill("<!DOCTYPE x>"),
  "prefixes to look up": `<feed>${Array.from({ length: 60 }, (_, i) => `<a xmlns:p${i}="x">`).join("")}${fill('<p:link rel="x" href="x"/>')}`,
  entities: `<link href="${fill("&amp;&#x41;")}"/>`,
};

const json = {
  "nested lists": `{"x":${"[".repeat(130_000)}${"]".repeat(130_000)}}`,
  "lists that do not end": `{"x":${fill("[")}`,
  "nested objects": `${'{"a":'.repeat(40_000)}1${"}".repeat(40_000)}`,
  "hubs that are none": `{"hubs":[${"{},".repeat(80_000)}{}]}`,
  "keys that are numbers": `{${Array.from({ length: 15_000 }, (_, i) => `"${(i * 59_999) % 4_294_967_295}":1`).join(",")}}`,
  "keys that differ": `{${Array.from({ length: 20_000 }, (_, i) => `"k${i}":1`).join(",")}}`,
  numbers: `[${fill("1e-308,")}1]`,
  digits: `[${fill("1")}]`,
  escapes: `{"feed_url":"${fill("\\u0041")}"}`,
  "hosts in another script": JSON.stringify({
    hubs: Array.from({ length: 64 }, () => ({ type: "WebSub", url: accents })),
  }),
};

describe.each([
  ["text/html", html],
  ["application/atom+xml", xml],
  ["application/json", json],
])("a hostile %s takes little of the event loop:", (contentType, documents) => {
  test.each(Object.entries(documents))("%s", (_, text) => {
    const body = Buffer.from(text).subarray(0, bodyBytes);

    expect(costMs(() => discoverLinks({ url: "http://a.example/", headers: {}, contentType, body }))).toBeLessThan(
      mostMs,
    );
  });
});

test.each(["gb18030", "big5", "iso-2022-jp", "shift_jis", "euc-kr", "x-user-defined", "utf-16be", "windows-1252"])(
  "a charset of %s takes little of the event loop, and a large body no more than a small one",
  (charset) => {
    const body = Buffer.alloc(10 * 1024 * 1024, "\x1b$B\xff\xfe", "latin1");
    const source = { url: "http://a.example/", headers: {}, contentType: `text/html; charset=${charset}`, body };

    expect(costMs(() => discoverLinks(source))).toBeLessThan(mostMs);
    expect(costMs(() => discoverLinks({ ...source, contentType: `a/json; charset=${charset}` }))).toBeLessThan(mostMs);
  },
);

test.each([" ", "\t", ",", ";", '"', "<", "\\", "=", '<a>;rel="', '<a>;rel="hub",', "<a>;a=b;", '<a>;rel="\\"'])(
  "a Link header full of %j takes little of the event loop",
  (piece) => {
    const headers = { link: fill(piece, headerBytes) };
    const source = { url: "http://a.example/", headers, contentType: "image/png", body: Buffer.alloc(0) };

    expect(costMs(() => discoverLinks(source))).toBeLessThan(mostMs);
  },
);

test.each([" ", ";", "; ", ";a=b", ';a="', ';a="\\"', " ;\t"])(
  "a Content-Type full of %j takes next to nothing",
  (piece) => {
    for (const length of [256, headerBytes]) {
      const header = `a/b${fill(piece, length - 4)}\u007f`;

      expect(costMs(() => deliverableContentType(header))).toBeLessThan(1);
    }
  },
);

/** CPU time of this thread, the least of three tries: what other programs do does not count. */
function costMs(work: () => unknown): number {
  const costs = Array.from({ length: 3 }, () => {
    const start = threadCpuUsage();
    work();
    const { user, system } = threadCpuUsage(start);
    return (user + system) / 1000;
  });
  return Math.min(...costs);
}

function fill(piece: string, length = bodyBytes): string {
  return piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
}

function bases(base: string, href: string): string {
  return `<feed>${`<a xml:base="${base}">`.repeat(60)}${`<link rel="hub" href="${href}"/>`.repeat(64)}`;
}
