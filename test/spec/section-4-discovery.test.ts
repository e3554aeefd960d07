import { expect, test } from "vitest";

import { openScene } from "../support/scene.ts";
import type { Answer, Received } from "../support/peer.ts";

const SELF = "https://blog.example/canonical";
const HUB = "https://theirs.example/";

function html(head: string, body = "") {
  return {
    headers: { "Content-Type": "text/html" },
    body: `<!doctype html><html><head>${head}</head><body>${body}</body></html>`,
  };
}

function json(feed: object): Answer {
  return { headers: { "Content-Type": "application/feed+json" }, body: JSON.stringify(feed) };
}

/** The one Link header of a delivery; "several" when there is more than one. */
function linkOf({ rawHeaders }: Received): string | undefined {
  const values = rawHeaders.filter((_, index) => index % 2 === 1 && /^link$/i.test(rawHeaders[index - 1] ?? ""));
  return values.length > 1 ? "several" : values[0];
}

function links(self: string, hub: string): string {
  return `<${self}>; rel="self", <${hub}>; rel="hub"`;
}

test.each<{ where: string; answer: Answer }>([
  {
    where: "one Link header",
    answer: { headers: { Link: `<${HUB}>; rel="hub", <${SELF}>; rel="self"` }, body: "text" },
  },
  {
    where: "a Link header without quotes, in another order and with other links",
    answer: {
      headers: { Link: `</next>; rel=next, <${SELF}>; rel=self; title="a, b", <${HUB}>; rel=hub` },
      body: "text",
    },
  },
  { where: "HTML link elements", answer: html(`<link rel="hub" href="${HUB}"><link rel="self" href="${SELF}">`) },
  {
    where: "Atom links",
    answer: {
      headers: { "Content-Type": "application/atom+xml" },
      body:
        `<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="${HUB}"/>` +
        `<link rel="self" href="${SELF}"/><entry><link rel="self" href="https://blog.example/entry"/></entry></feed>`,
    },
  },
  {
    where: "Atom links in RSS",
    answer: {
      headers: { "Content-Type": "application/rss+xml; charset=utf-8" },
      body:
        `<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><link>https://blog.example/</link>` +
        `<atom:link rel="self" href="${SELF}"/><atom:link rel="hub" href="${HUB}"/></channel></rss>`,
    },
  },
  { where: "a JSON Feed", answer: json({ feed_url: SELF, hubs: [{ type: "WebSub", url: HUB }] }) },
])("§4 the links of $where come with the delivery, self first", async ({ answer }) => {
  await using scene = await openScene();
  await scene.update(answer);
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([links(SELF, HUB)]);
});

test("§4 without any links the topic's URL and the hub's are sent", async () => {
  await using scene = await openScene();
  await scene.update("plain");
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([links(scene.topic, scene.hub.url)]);
});

test("§4 a self link without a hub is sent with this hub, a hub without self with the topic's URL", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { Link: `<${SELF}>; rel="self"` }, body: "one" });
  await scene.update({ headers: { Link: `<${HUB}>; rel="hub"` }, body: "two" });
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([links(SELF, scene.hub.url), links(scene.topic, HUB)]);
});

test("§4 relative links are sent as absolute ones", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { Link: '<feed?page=1>; rel="self", <//theirs.example>; rel="hub"' }, body: "text" });
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([
    links(`${scene.publisher.origin}/feed?page=1`, "http://theirs.example/"),
  ]);
});

test("§4 relative links count from where redirects have led", async () => {
  await using scene = await openScene();
  scene.publisher.serve("/moved/feed", { headers: { Link: '<canonical>; rel="self"' }, body: "text" });
  await scene.update({ status: 302, headers: { Location: "/moved/feed" } });
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([
    links(`${scene.publisher.origin}/moved/canonical`, scene.hub.url),
  ]);
});

test("§4 a header's links come before those of the document", async () => {
  await using scene = await openScene();
  const page = html(`<link rel="hub" href="https://third.example/"><link rel="self" href="/other">`);
  await scene.update({ ...page, headers: { ...page.headers, Link: `<${HUB}>; rel="hub", <${SELF}>; rel="self"` } });
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([links(SELF, HUB)]);
});

test("§4 of several hubs ours is the one that is sent", async () => {
  await using scene = await openScene();
  const ours = scene.hub.url;
  await scene.update({
    headers: { Link: `<${HUB}>; rel="hub", <${ours}>; rel="hub", <${SELF}>; rel="self"` },
    body: "1",
  });
  await scene.update(json({ feed_url: SELF, hubs: [HUB, `${ours}hub`].map((url) => ({ type: "WebSub", url })) }));
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([links(SELF, ours), links(SELF, `${ours}hub`)]);
});

test("§4 of several hubs that are not ours the first one is sent", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { Link: `<${HUB}>; rel="hub", <https://third.example/>; rel="hub"` }, body: "text" });
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([links(scene.topic, HUB)]);
});

test.each([
  {
    what: "links in the body of an HTML page, which visitors may have written",
    answer: html("", `<link rel="self" href="${SELF}">`),
  },
  { what: "a self link that is no http(s) URL", answer: html('<link rel="self" href="javascript:alert(1)">') },
  { what: "a self link with a password", answer: html('<link rel="self" href="https://me:secret@blog.example/">') },
  {
    what: "a link that is about something else",
    answer: { headers: { Link: `<${SELF}>; rel="self"; anchor="/x"` }, body: "" },
  },
])("§4 $what does not count", async ({ answer }) => {
  await using scene = await openScene();
  await scene.update(answer);
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([links(scene.topic, scene.hub.url)]);
});

test("§4 a URL that is made to break out of the Link header is sent as a mere URL", async () => {
  await using scene = await openScene();
  const hostile = `https://blog.example/a>; rel="hub", <https://evil.example/`;
  await scene.update(json({ feed_url: `${hostile}\r\nX-Evil: 1` }));
  const [delivery] = scene.subscriber.deliveries;
  expect(delivery?.headers["x-evil"]).toBeUndefined();
  expect(delivery?.headers["link"]).toMatch(/^<[^<>\s]+>; rel="self", <[^<>\s]+>; rel="hub"$/);
  expect(delivery?.headers["link"]).toContain(`<${scene.hub.url}>; rel="hub"`);
});

test("§4 the links are those of the version delivered", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { Link: `<${SELF}/1>; rel="self"` }, body: "one" });
  await scene.update({ headers: { Link: `<${SELF}/2>; rel="self"` }, body: "two" });
  expect(scene.subscriber.deliveries.map(linkOf)).toEqual([
    links(`${SELF}/1`, scene.hub.url),
    links(`${SELF}/2`, scene.hub.url),
  ]);
});
