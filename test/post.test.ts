import { expect, test } from "vitest";

import { createPost } from "../src/distribute/post.ts";
import type { Publication } from "../src/model/publication.ts";
import type { PostRequest } from "../src/outbound/outbound.ts";
import { createSecrets } from "../src/secrets.ts";
import { openPoliteHost, openPoster } from "./outbound/peers.ts";

const now = new Date("2026-01-01T00:00:00Z");
const policy = {
  hubUrl: "https://hub.example/",
  ourUrls: [],
  userAgent: "Carillon/test",
  signatures: { fallback: "sha256", byHost: [] },
} as const;
const secrets = createSecrets([]);
const publication: Publication = {
  topicId: 1,
  seq: 7,
  topicUrl: "https://blog.example/feed",
  contentType: "text/plain",
  links: { hubs: [], self: undefined },
  publishedAt: now,
  body: Buffer.from("a version of the topic"),
};

function addressee(callback: string) {
  return { subscriptionId: 1, callback, secret: "s3cret", signatureMethod: undefined };
}

test.each(["a\r\nb: c", "a\nb", "a\0b", "€"])(
  "§7 a Content-Type that cannot be sent (%j) fails its own deliveries, and nothing is sent",
  async (contentType) => {
    await using peer = await openPoliteHost();
    await using poster = openPoster();
    const post = createPost(poster, policy, secrets.open);

    for (let i = 0; i < 3; i += 1) {
      expect(await post({ ...publication, contentType }, addressee(peer.origin), 1, now)).toEqual({
        kind: "failed",
        reason: "broken",
        detail: "the value of the header content-type cannot be sent",
      });
    }
    expect(peer.connections()).toBe(0);
    expect(await post(publication, addressee(peer.origin), 1, now)).toMatchObject({ status: 200 });
  },
);

test("§7 what is the same for all whom a publication goes to is made once, and its body never copied", async () => {
  const requests: PostRequest[] = [];
  const post = createPost(
    {
      async post(request) {
        requests.push(request);
        return { kind: "answered", status: 204, retryAfter: undefined };
      },
      async [Symbol.asyncDispose]() {},
    },
    policy,
    secrets.open,
  );

  await post(publication, addressee("https://reader.example/1"), 1, now);
  await post(publication, addressee("https://reader.example/2"), 2, now);

  const [first, second] = requests;
  expect(first?.body).toBe(publication.body);
  expect(second?.body).toBe(publication.body);
  expect(first?.headers).toMatch(
    /^content-type: text\/plain\r\nlink: <https:\/\/blog.example\/feed>; rel="self", <https:\/\/hub.example\/>; rel="hub"\r\nuser-agent: Carillon\/test\r\nwebhook-id: [\w-]{27}\r\nwebhook-timestamp: 1767225600\r\ncarillon-attempt: 1\r\nx-hub-signature: sha256=[0-9a-f]{64}\r\n$/,
  );
  expect(second?.headers).toBe(first?.headers.replace("carillon-attempt: 1", "carillon-attempt: 2"));
});
