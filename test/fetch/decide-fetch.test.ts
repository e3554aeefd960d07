import { describe, expect, test } from "vitest";
import { decideFetch } from "../../src/fetch/decide-fetch.ts";
import { fingerprint } from "../../src/fetch/fingerprint.ts";
import type { Content, FetchClaim } from "../../src/model/topic.ts";

const NOW = new Date("2026-01-01T00:00:00Z");

describe("§7 has the topic changed?", () => {
  const content: Content = { body: Buffer.from("a"), contentType: "text/plain", links: { hubs: [], self: undefined } };
  const validators = { etag: '"1"', lastModified: undefined };
  const claim: FetchClaim = {
    topicId: 1,
    token: "t",
    url: "https://blog.example/",
    subscribers: 1,
    validators: { etag: undefined, lastModified: undefined },
    fingerprint: fingerprint(content),
    failures: 0,
    pings: 1,
  };
  const answer = { kind: "content", content, validators, finalUrl: claim.url } as const;

  test("the same type and bytes are unchanged, with the new validators", () => {
    expect(decideFetch(answer, claim, NOW)).toEqual({ kind: "unchanged", validators });
  });

  test.each([
    ["other bytes", { ...content, body: Buffer.from("b") }],
    ["another type", { ...content, contentType: "text/html" }],
    ["nothing left", { ...content, body: Buffer.alloc(0) }],
  ])("%s: changed", (_, changed) => {
    const outcome = decideFetch({ ...answer, content: changed }, claim, NOW);
    expect(outcome).toEqual({ kind: "changed", content: changed, fingerprint: fingerprint(changed), validators });
  });

  test("the first content is a change", () => {
    expect(decideFetch(answer, { ...claim, fingerprint: undefined }, NOW).kind).toBe("changed");
  });

  test("304 is unchanged", () => {
    expect(decideFetch({ kind: "not_modified", validators }, claim, NOW)).toEqual({ kind: "unchanged", validators });
  });

  test.each([
    [0, "2026-01-01T00:00:05Z"],
    [1, "2026-01-01T00:00:30Z"],
    [2, "2026-01-01T00:02:00Z"],
    [3, "2026-01-01T00:10:00Z"],
    [4, "2026-01-01T01:00:00Z"],
    [5, undefined],
    [99, undefined],
  ])("after %i failures a failed fetch is due again at %s", (failures, at) => {
    const outcome = decideFetch({ kind: "failed", reason: "answered 503" }, { ...claim, failures }, NOW);
    const retryAt = at === undefined ? undefined : new Date(at);
    expect(outcome).toEqual({ kind: "failed", reason: "answered 503", failures: failures + 1, retryAt });
  });

  test.each([0, 4, 5, 99])(
    "after %i failures a fetch that we hindered ourselves is none, and due again in 60 s",
    (failures) => {
      const outcome = decideFetch({ kind: "hindered", reason: "exhausted: EMFILE" }, { ...claim, failures }, NOW);
      const retryAt = new Date("2026-01-01T00:01:00Z");
      expect(outcome).toEqual({ kind: "failed", reason: "exhausted: EMFILE", failures, retryAt });
    },
  );

  test("no byte moves between type and body unnoticed", () => {
    const one = fingerprint({ contentType: "text/plain", body: Buffer.from("x") });
    expect(fingerprint({ contentType: "text/plainx", body: Buffer.alloc(0) })).not.toBe(one);
    expect(fingerprint({ contentType: "text/plain", body: Buffer.from("x") })).toBe(one);
    expect(one).toMatch(/^[0-9a-f]{64}$/);
  });
});
