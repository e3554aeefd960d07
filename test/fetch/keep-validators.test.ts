import { describe, expect, test } from "vitest";
import { keepValidators } from "../../src/fetch/keep-validators.ts";
import type { Validators } from "../../src/model/topic.ts";

const NOW = new Date("2026-01-01T00:00:00Z");

describe("RFC 9110 §8.8 what the next conditional GET sends", () => {
  const date = "Thu, 01 Jan 2026 00:00:10 GMT";
  const old = "Thu, 01 Jan 2026 00:00:09 GMT";

  test.each<[string, Record<string, string>, Partial<Validators>]>([
    ["an ETag alone", { etag: 'W/"1"' }, { etag: 'W/"1"', lastModified: undefined }],
    ["both, a second or more old", { etag: '"1"', "last-modified": old, date }, { etag: '"1"', lastModified: old }],
    ["modified in the second it was served", { etag: '"1"', "last-modified": date, date }, {}],
    [
      "without a Date the clock decides: old",
      { "last-modified": "Wed, 31 Dec 2025 00:00:00 GMT" },
      { lastModified: "Wed, 31 Dec 2025 00:00:00 GMT" },
    ],
    ["without a Date the clock decides: new", { "last-modified": date }, {}],
    ["what could not be sent back", { etag: '"\u20ac"', "last-modified": "x".repeat(1025) }, {}],
    ["nothing", {}, {}],
  ])("%s", (_, headers, validators) => {
    expect(keepValidators(headers, NOW)).toEqual({
      etag: undefined,
      lastModified: undefined,
      ...validators,
    });
  });
});
