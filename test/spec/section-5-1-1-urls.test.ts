import { expect, test } from "vitest";

import { toSubscribe, toUnsubscribe } from "../support/requests.ts";
import type { Answering } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber, parameters } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

const usable = "http://127.0.0.1:2/";

test.each(["hub.topic", "hub.callback"])("§5.1.1 %s may be http or https", async (field) => {
  await using hub = await openTestHub();
  for (const url of ["http://feeds.example/a", "https://feeds.example/a", "https://feeds.example:8443/a?b=c"]) {
    expect((await hub.post({ ...toSubscribe(usable, usable), [field]: url })).status).toBe(202);
  }
});

test.each(["hub.topic", "hub.callback"])(
  "§5.1.1 a %s that is no absolute http(s) URL is refused by name, value and rule",
  async (field) => {
    await using hub = await openTestHub();
    const refused = [
      "ftp://feeds.example/a",
      "javascript:alert(1)",
      "file:///etc/passwd",
      "/feed",
      "feeds.example/a",
      "http:///feed",
      "http://",
      "https:feeds.example",
      "http://[::1/",
      "mailto:a@b.example",
    ];
    for (const url of refused) {
      const response = await hub.post({ ...toSubscribe(usable, usable), [field]: url });
      expect(response.status).toBe(400);
      expect(await response.text()).toBe(`${field} "${url}" must be an absolute http or https URL\n`);
    }
  },
);

test.each(["hub.topic", "hub.callback"])(
  "§5.1.1 a fragment or a user in %s is refused, since neither reaches the wire",
  async (field) => {
    await using hub = await openTestHub();
    const post = async (url: string) => {
      const response = await hub.post({ ...toSubscribe(usable, usable), [field]: url });
      return [response.status, await response.text()];
    };
    // Of a callback neither is repeated: it is a capability.
    const [fragment, empty, user] =
      field === "hub.topic"
        ? ["http://feeds.example/a#b", "http://feeds.example/a#", "http://me:pw@feeds.example/"]
        : ["http://feeds.example/a?…", "http://feeds.example/a?…", "http://…@feeds.example/"];
    const told = (url: string | undefined, fault: string) => [400, `${field} "${url}" must not ${fault}\n`];
    expect(await post("http://feeds.example/a#b")).toEqual(told(fragment, "have a fragment"));
    expect(await post("http://feeds.example/a#")).toEqual(told(empty, "have a fragment"));
    expect(await post("http://me:pw@feeds.example/")).toEqual(told(user, "hold a user name or password"));
  },
);

test.each(["hub.topic", "hub.callback"])("§5.1.1 %s may be 2048 characters long and no longer", async (field) => {
  await using hub = await openTestHub();
  const longest = usable + "x".repeat(2048 - usable.length);
  expect((await hub.post({ ...toSubscribe(usable, usable), [field]: longest })).status).toBe(202);
  const response = await hub.post({ ...toSubscribe(usable, usable), [field]: `${longest}x` });
  expect(response.status).toBe(400);
  expect(await response.text()).toMatch(new RegExp(`^${field} "http://127.* must be at most 2048 characters long\n$`));
});

test.each(["hub.topic", "hub.callback"])(
  "§5.1.1 the host in %s may be 253 characters long and no longer",
  async (field) => {
    await using hub = await openTestHub();
    const longest = `${"a.".repeat(125)}abc`;
    for (const host of [longest, `${longest}.`, `%61${longest.slice(1)}`]) {
      expect((await hub.post({ ...toSubscribe(usable, usable), [field]: `http://${host}:8080/` })).status).toBe(202);
    }
    for (const host of [`a${longest}`, `a${longest}.`, `${longest.slice(3)}ü`, "a.".repeat(900)]) {
      const response = await hub.post({ ...toSubscribe(usable, usable), [field]: `http://${host}/` });
      expect(response.status).toBe(400);
      expect(await response.text()).toMatch(
        new RegExp(`^${field} "http://.* must have a host of at most 253 characters\n$`),
      );
    }
  },
);

test("§6 a ping of a topic whose host is longer than 253 characters is refused too, with the rule", async () => {
  await using hub = await openTestHub();
  const response = await hub.post({ "hub.mode": "publish", "hub.url": `http://${"a.".repeat(127)}/feed` });
  expect(response.status).toBe(204);
  const refused = await hub.post({ "hub.mode": "publish", "hub.url": `http://${"a.".repeat(127)}b/feed` });
  expect(refused.status).toBe(400);
  expect(await refused.text()).toMatch(/^hub\.url "http:.* must have a host of at most 253 characters\n$/);
});

test.each(["hub.topic", "hub.callback"])(
  "§5.1.1 no line break gets from %s into a header or a request line",
  async (field) => {
    await using hub = await openTestHub();
    await using subscriber = await openSubscriber();
    const form = toSubscribe(usable, subscriber.callback());
    for (const tail of [
      "\r\nX-Injected: 1",
      "\n\nbody",
      " HTTP/1.1\r\nX-Injected: 1",
      "\u0000",
      "\u0085",
      "\u2028",
      "\t",
    ]) {
      const response = await hub.post({ ...form, [field]: `${form[field]}${tail}` });
      expect(response.status).toBe(400);
      expect(await response.text()).toMatch(
        /^hub\.(topic|callback) [^\n\r]* must not hold white space, control characters[^\n\r]*\n$/,
      );
    }
    await hub.drain();
    expect(subscriber.verifications).toEqual([]);
  },
);

test.each([
  ["/callback", "/callback?"],
  ["/callback?a=1", "/callback?a=1&"],
  [
    "/callback?hub.mode=mine&hub.topic=mine&hub.challenge=mine",
    "/callback?hub.mode=mine&hub.topic=mine&hub.challenge=mine&",
  ],
  ["/callback?q=%7E%2F%20'!()*", "/callback?q=%7E%2F%20'!()*&"],
  ["/%7Euser/%2Fa/./b/../c", "/%7Euser/%2Fa/./b/../c?"],
  ["/callback?a=1&", "/callback?a=1&&"],
  ["/callback?a=b?c&&=&+", "/callback?a=b?c&&=&+&"],
  ["/callback?%zz=%", "/callback?%zz=%&"],
  ["/callback?", "/callback?"],
  ["/?k=|^`{}", "/?k=|^`{}&"],
  ["/é?ü=1", "/%C3%A9?%C3%BC=1&"], // not legal in a URL, so it cannot go over the wire as it is
])(
  "§5.1.1 the query of the callback %s is kept byte for byte, and what the hub adds comes after it",
  async (path, start) => {
    await using hub = await openTestHub();
    await using publisher = await openPublisher();
    await using subscriber = await openSubscriber({ verify: echoLast });
    publisher.serve("/feed", { body: "content" });
    const [topic, callback] = [publisher.topic("/feed"), subscriber.origin + path];

    await hub.subscribe(topic, callback);
    await hub.publish(topic);
    await hub.post(toUnsubscribe(topic, callback));
    await hub.drain();

    const [subscribe = "", unsubscribe = ""] = subscriber.verifications.map(({ target }) => target);
    expect(subscribe.slice(0, start.length + 19)).toBe(`${start}hub.mode=subscribe&`);
    expect(unsubscribe.slice(0, start.length + 21)).toBe(`${start}hub.mode=unsubscribe&`);
    const target = path === "/é?ü=1" ? "/%C3%A9?%C3%BC=1" : path;
    expect(subscriber.deliveries.map((delivery) => [delivery.target, String(delivery.body)])).toEqual([
      [target, "content"],
    ]);
  },
);

/** The hub's challenge is the last: the callback may have had one of its own. */
const echoLast: Answering = (request) => ({ body: parameters(request).getAll("hub.challenge").at(-1) ?? "" });

test("§5.1.1 parameters of the callback with the hub's names are not overwritten: theirs first, then the hub's", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await hub.subscribe(usable, subscriber.callback("/callback?hub.mode=mine&hub.challenge=mine"));
  const [request] = subscriber.verifications;
  expect(request && parameters(request).getAll("hub.mode")).toEqual(["mine", "subscribe"]);
  expect(request && parameters(request).getAll("hub.challenge")).toEqual([
    "mine",
    expect.stringMatching(/^[\w-]{43}$/),
  ]);
});

test("§5.1.1 the callback's host is used as it is spelled: localhost stays localhost", async () => {
  await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "127.0.0.0/8,::1/128" } });
  await using subscriber = await openSubscriber();
  const { port } = new URL(subscriber.origin);
  await hub.subscribe(usable, `http://localhost:${port}/callback`);
  expect(subscriber.verifications.map(({ headers }) => headers["host"])).toEqual([`localhost:${port}`]);
});

test("§5.1.1 an escaped unreserved character is the character: both spellings are one topic, each echoed as asked", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  publisher.serve("/~user", { body: "content" });

  await hub.subscribe(publisher.topic("/%7Euser"), subscriber.callback("/1"));
  await hub.subscribe(publisher.topic("/%7euser"), subscriber.callback("/2"));
  await hub.subscribe(publisher.topic("/~user"), subscriber.callback("/2"));
  await hub.publish(publisher.topic("/%7Euser"));

  const echoed = subscriber.verifications.map((request) => parameters(request).get("hub.topic"));
  expect(echoed).toEqual(["/%7Euser", "/%7euser", "/~user"].map((path) => publisher.topic(path)));
  expect(subscriber.deliveries.map(({ target }) => target).toSorted()).toEqual(["/1", "/2"]);
});

test("§5.1.1 an escaped reserved character is not the character: the topics stay apart", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  publisher.serve("/a/b", { body: "content" });
  await hub.subscribe(publisher.topic("/a%2Fb"), subscriber.callback("/escaped"));
  await hub.subscribe(publisher.topic("/a/b"), subscriber.callback("/plain"));
  await hub.publish(publisher.topic("/a/b"));
  expect(subscriber.deliveries.map(({ target }) => target)).toEqual(["/plain"]);
});
