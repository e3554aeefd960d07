import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deliverableContentType } from "../../src/fetch/content-type.ts";

describe("§7 the Content-Type of a delivery", () => {
  test.each([
    "text/html",
    "application/atom+xml; charset=utf-8",
    'Application/RSS+XML;Charset="ISO-8859-1" ; a=b',
    'text/plain; note="a, b; c"',
    "text/xml;",
    "text/xml ;; a=b;\t; ",
    'text/plain; note="\\"quoted\\\\"',
    "application/vnd.a-b.c+json",
    `text/plain; a=${"x".repeat(242)}`,
  ])("%s goes out as it came", (header) => {
    expect(deliverableContentType(header)).toBe(header);
  });

  test.each([
    undefined,
    "",
    "html",
    "text/",
    "a/b/c",
    "text/html, text/plain",
    "text/html; charset=utf-8, text/html; charset=utf-8",
    "text/plain; a b=c",
    "text/plain; a=\u00e9",
    " text/html",
    "text /html",
    "*/*",
    "text/*",
    "text/html;text/html",
    "text/html; charset",
    "text/html; charset=",
    "text/html; =utf-8",
    "text/html; charset = utf-8",
    "text/html; charset=utf-8 x",
    'text/html; a="',
    'text/html; a="b"c',
    'text/html; a="b\\"',
    'text/html; a="\u007f"',
    "text/html; a='b c'",
    "text/html<script>",
    "text/html; a=<script>",
    "text/plain\r\nSet-Cookie: a=b",
    "text/plain; a=\0",
    `text/plain; a=${"x".repeat(243)}`,
  ])("%j becomes application/octet-stream", (header) => {
    expect(deliverableContentType(header)).toBe("application/octet-stream");
  });

  test("whatever came, what goes out is short and printable", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (header) => {
        expect(deliverableContentType(header)).toMatch(/^[\t\x20-\x7e]{3,256}$/);
      }),
    );
  });
});
