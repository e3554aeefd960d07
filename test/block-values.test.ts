import { describe, expect, test } from "vitest";

import { Blocks, readBlockValue } from "../src/blocks.ts";
import { type BlockKind } from "../src/model/block.ts";

const reason = "its owner did not ask for this";
const asked = {
  topic: "https://blog.example/feed",
  callback: "https://a.b.reader.example/cb?x",
  client: "192.0.2.7",
};

describe("what a value may be", () => {
  test.each([
    ["callback-host", "Example.COM.", "example.com"],
    ["callback-host", "*.Example.com", "*.example.com"],
    ["callback-host", "192.0.2.7", "192.0.2.7"],
    ["callback-host", "2001:DB8::1", "[2001:db8::1]"],
    ["callback-host", "::ffff:192.0.2.7", "192.0.2.7"],
    ["callback-host", "[2001:db8::1]", "[2001:db8::1]"],
    ["callback-host", "*.Example.com.", "*.example.com"],
    ["publisher", "bücher.example", "xn--bcher-kva.example"],
    ["callback", "https://Example.com./%63b?x=1", "https://example.com/cb?x=1"],
    ["topic", "HTTPS://example.com/%7Efeed", "https://example.com/~feed"],
    ["topic", "https://example.com./feed", "https://example.com/feed"],
    ["client", "192.0.2.7", "192.0.2.7/32"],
    ["client", "192.0.2.0/24", "192.0.2.0/24"],
    ["client", "2001:db8::1", "2001:db8::1/64"],
    ["client", "::ffff:192.0.2.7", "192.0.2.7/32"],
  ] as const)("%s %s is kept as %s", (kind, text, value) => {
    expect(readBlockValue(kind, text)).toEqual({ value });
  });

  test.each([
    ["callback-host", "https://example.com/"],
    ["callback-host", "a b"],
    ["callback-host", ""],
    ["callback-host", "."],
    ["callback-host", "*"],
    ["callback-host", "example.com?x"],
    ["callback-host", "example.com#x"],
    ["publisher", "example.com:80"],
    ["publisher", "user@example.com"],
    ["callback", "example.com/cb"],
    ["topic", "ftp://example.com/"],
    ["topic", "https://example.com/#x"],
    ["client", "example.com"],
    ["client", "192.0.2.0/33"],
  ] as const)("%s %s is refused", (kind, text) => {
    expect(readBlockValue(kind, text)).toHaveProperty("rule");
  });
});

describe("what blocks match", () => {
  test.each([
    ["callback-host", "a.b.reader.example", true],
    ["callback-host", "*.reader.example", true],
    ["callback-host", "*.b.reader.example", true],
    ["callback-host", "reader.example", false],
    ["callback-host", "*.a.b.reader.example", false],
    ["callback-host", "blog.example", false],
    ["callback", "https://a.b.reader.example/cb?x", true],
    ["callback", "https://a.b.reader.example./%63b?x", true],
    ["callback", "https://a.b.reader.example/cb", false],
    ["topic", "https://blog.example/feed", true],
    ["topic", "https://blog.example/feed/2", false],
    ["publisher", "blog.example", true],
    ["publisher", "*.example", true],
    ["publisher", "reader.example", false],
    ["client", "192.0.2.7", true],
    ["client", "192.0.2.0/24", true],
    ["client", "192.0.2.8", false],
  ] as const)("%s %s: %s", (kind, text, matches) => {
    expect(blocksOf(kind, text).reasonFor(asked)).toBe(matches ? reason : undefined);
  });

  test("a client of IPv6 is the /64 that it counts as, and one that is not known matches nothing", () => {
    const blocks = blocksOf("client", "2001:db8::1");
    expect(blocks.reasonFor({ ...asked, client: "2001:db8:0:0::/64" })).toBe(reason);
    expect(blocks.reasonFor({ ...asked, client: "2001:db8:0:1::/64" })).toBe(undefined);
    expect(blocks.reasonFor({ ...asked, client: undefined })).toBe(undefined);
  });
});

test.each([
  ["callback-host", "192.0.2.7", { callback: "http://[::ffff:192.0.2.7]:8080/cb" }],
  ["callback-host", "reader.example", { callback: "https://reader.example../cb" }],
  ["callback", "http://192.0.2.7/cb", { callback: "http://[::ffff:c000:207]/%63b" }],
  ["topic", "https://blog.example/feed", { topic: "https://blog.example./feed" }],
  ["publisher", "192.0.2.7", { topic: "http://[::ffff:192.0.2.7]/feed" }],
] as const)("%s %s is matched however it is spelled: %j", (kind, text, spelled) => {
  expect(blocksOf(kind, text).reasonFor({ ...asked, ...spelled })).toBe(reason);
});

function blocksOf(kind: BlockKind, text: string): Blocks {
  const read = readBlockValue(kind, text);
  if ("rule" in read) throw new Error(read.rule);
  const blocks = new Blocks();
  blocks.load([{ id: 1, kind, value: read.value, reason, createdAt: new Date(), isSwept: false }]);
  return blocks;
}
