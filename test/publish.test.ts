import { expect, test } from "vitest";

import { HubError } from "../src/errors.ts";
import { parsePing, type PingedValue } from "../src/publish/parse-ping.ts";

const A = "https://blog.example/a";
const B = "https://blog.example/b";

function read(...fields: [string, string][]): readonly PingedValue[] {
  return parsePing(new URLSearchParams(fields));
}

/** The code of the refusal, or how many topics were read. */
function verdict(...fields: [string, string][]): string | number {
  try {
    return read(...fields).length;
  } catch (error) {
    if (error instanceof HubError) return error.code;
    throw error;
  }
}

function topics(count: number): [string, string][] {
  return Array.from({ length: count }, (_, index) => ["hub.url", `${A}/${index}`]);
}

test.each(["hub.url", "hub.topic", "hub.url[]", "hub.topic[]"])("§6 %s names a topic", (field) => {
  expect(read([field, A])).toEqual([{ url: A, otherwise: [] }]);
});

test("§6 topics named by different fields are all read, a repeated one once", () => {
  const pinged = read(["hub.topic", B], ["hub.url", A], ["hub.url[]", A], ["hub.topic[]", B]);
  expect(pinged.map(({ url }) => url).toSorted()).toEqual([A, B]);
});

test("§6 an empty value is as good as absent", () => {
  expect(read(["hub.url", ""], ["hub.url", A])).toEqual([{ url: A, otherwise: [] }]);
  expect(verdict(["hub.url", ""])).toBe("invalid_request");
});

test.each([
  { what: "no field at all", fields: [] as [string, string][] },
  { what: "a relative URL", fields: [["hub.url", "/feed"]] as [string, string][] },
  { what: "another scheme", fields: [["hub.url", "ftp://blog.example/a"]] as [string, string][] },
  { what: "a fragment", fields: [["hub.url", `${A}#top`]] as [string, string][] },
  { what: "a user name", fields: [["hub.url", "https://me@blog.example/a"]] as [string, string][] },
  {
    what: "one bad URL among good ones",
    fields: [
      ["hub.url", A],
      ["hub.url", "feed"],
    ] as [string, string][],
  },
])("§6 a ping with $what is malformed", ({ fields }) => {
  expect(verdict(...fields)).toBe("invalid_request");
});

test("§6 a ping names at most 100 topics", () => {
  expect(verdict(...topics(100))).toBe(100);
  expect(verdict(...topics(101))).toBe("too_large");
  expect(verdict(...topics(100), ...topics(100))).toBe(100); // the same ones again
});

test("§6 a URL escaped for HTML may mean the one without escapes", () => {
  expect(read(["hub.url", `${A}?feed=rss2&amp;cat=1`])).toEqual([
    { url: `${A}?feed=rss2&amp;cat=1`, otherwise: [`${A}?feed=rss2&cat=1`] },
  ]);
});

test("§6 a comma list may mean its parts, if every part is an absolute http(s) URL", () => {
  expect(read(["hub.url", `${A},${B}`])).toEqual([{ url: `${A},${B}`, otherwise: [A, B] }]);
  expect(read(["hub.url", `${A},b`])).toEqual([{ url: `${A},b`, otherwise: [] }]);
  expect(read(["hub.url", `${A},ftp://blog.example/b`])[0]?.otherwise).toEqual([]);
});

test("§6 a comma list may be longer than a URL may be", () => {
  const urls = Array.from({ length: 100 }, (_, index) => `${A}/${index}`);
  expect(read(["hub.url", urls.join(",")]).map(({ url }) => url)).toEqual(urls);
  expect(verdict(["hub.url", `${urls.join(",")},feed`])).toBe("invalid_request");
});

test("§6 comma lists of more than 100 topics are too large, not cut short", () => {
  const list = (name: string, count: number) => Array.from({ length: count }, (_, index) => `http://${name}/${index}`);
  expect(read(["hub.url", list("a", 100).join(",")])[0]?.otherwise).toHaveLength(100);
  expect(verdict(["hub.url", list("a", 101).join(",")])).toBe("too_large");
  expect(verdict(["hub.url", list("long.blog.example", 101).join(",")])).toBe("too_large");
  expect(verdict(["hub.url", list("a", 50).join(",")], ["hub.url", list("b", 51).join(",")])).toBe("too_large");
});

test("§6 %7E and ~ name one topic", () => {
  expect(read(["hub.url", `${A}/%7eann`], ["hub.url", `${A}/~ann`]).map(({ url }) => url)).toEqual([
    `${A}/~ann`,
    `${A}/~ann`,
  ]);
});
