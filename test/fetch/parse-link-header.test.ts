import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxFoundLinks } from "../../src/fetch/found-link.ts";
import { parseLinkHeader } from "../../src/fetch/parse-link-header.ts";

const HUB = { href: "https://hub.example/", rels: ["hub"] };

function apart(blanks: number): string {
  return `<https://hub.example/>; rel=hub,${" ".repeat(blanks)}<https://b.example/>; rel=hub`;
}

describe("RFC 8288 §3 the Link header", () => {
  test.each([
    ["quoted rel", '<https://hub.example/>; rel="hub"', [HUB]],
    ["bare rel", "<https://hub.example/>;rel=hub", [HUB]],
    ["any case", '<https://hub.example/>; REL="HUB"', [HUB]],
    ["blanks anywhere", ' < https://hub.example/ > ; rel = "hub" ', [HUB]],
    ["several rels", '<https://hub.example/>; rel="self  hub\tx"', [{ ...HUB, rels: ["self", "hub", "x"] }]],
    ["the first rel counts", '<https://hub.example/>; rel=hub; rel="self"', [HUB]],
    ["other parameters", '<https://hub.example/>; title="a, <b>; \\"c\\""; rel=hub; type=x', [HUB]],
    ["a malformed title*", "<https://hub.example/>; title*=%zz; rel=hub", [HUB]],
    ["comma and semicolon in the URL", "</a;b,c>; rel=self", [{ href: "/a;b,c", rels: ["self"] }]],
    ["no rel", "</a>", [{ href: "/a", rels: [] }]],
    ["empty elements", ', ,<https://hub.example/>; rel="hub",,', [HUB]],
    ["junk beside a good link", 'oops; rel="hub", <https://hub.example/>; rel="hub", <x', [HUB]],
    ["an anchor elsewhere", '</a>; rel="hub"; anchor="https://other.example/"', []],
    ["an unfinished quote", '<https://hub.example/>; rel="hub', [HUB]],
    ["nothing", "", []],
  ])("%s", (_, header, links) => {
    expect(parseLinkHeader(header)).toEqual(links);
  });

  test("several links keep their order", () => {
    const header = '<https://hub.example/>; rel="hub", </feed>; rel="self"';
    expect(parseLinkHeader(header)).toEqual([HUB, { href: "/feed", rels: ["self"] }]);
  });
});

describe("a hostile Link header", () => {
  test("any text is read without an error", () => {
    const piece = fc.constantFrom("<", ">", '"', "\\", ";", ",", "=", " ", "\t", "rel", "hub", "anchor", "é");
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(text, (header) => {
        for (const link of parseLinkHeader(header)) expect(header).toContain(link.href);
      }),
    );
  });

  test("what was written is what is read, junk in between or not", () => {
    const href = fc.webUrl({ withQueryParameters: true }).map((url) => url.replaceAll(">", ""));
    const rel = fc.stringMatching(/^[a-z][a-z0-9.-]{0,10}$/);
    const links = fc.array(fc.record({ href, rels: fc.array(rel, { minLength: 1, maxLength: 3 }) }), { maxLength: 10 });
    const title = fc.string({ maxLength: 20 });
    fc.assert(
      fc.property(links, title, (written, text) => {
        const quoted = `"${text.replace(/["\\]/g, "\\$&")}"`;
        const elements = written.map((link) => `<${link.href}>; title=${quoted}; rel="${link.rels.join(" ")}"`);
        expect(parseLinkHeader(elements.join(", junk; rel=hub, "))).toEqual(written);
      }),
    );
  });

  test.each([" ", "\t", ",", ";", '"', "<", "\\", "=", " ;", "<a>;"])("60,000 times %j", (piece) => {
    const header = `${piece.repeat(60_000)}<https://hub.example/>; rel=hub`;
    expect(parseLinkHeader(header).length).toBeLessThanOrEqual(maxFoundLinks);
  });

  test("what lies beyond 16 KiB is not read, and no link is read in part", () => {
    expect(parseLinkHeader(apart(16_000))).toHaveLength(2);
    expect(parseLinkHeader(`${apart(16 * 1024 - 61)}ris`)).toEqual([HUB]);
    expect(parseLinkHeader(apart(60_000))).toEqual([HUB]);
  });

  test("at most 64 links are read", () => {
    expect(parseLinkHeader("<a>,".repeat(1000))).toHaveLength(maxFoundLinks);
  });
});
