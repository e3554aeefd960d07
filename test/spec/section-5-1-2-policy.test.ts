import { networkInterfaces } from "node:os";

import { expect, test } from "vitest";

import { toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";

const topic = "https://feeds.example/a";
const callback = "https://reader.example/cb";

async function post(hub: TestHub, form: Readonly<Record<string, string>>): Promise<[number, string]> {
  const response = await hub.post(form);
  return [response.status, await response.text()];
}

test.each([
  {
    pattern: "feeds.example",
    inside: ["https://feeds.example/a", "http://FEEDS.example:8080/", "https://feeds.example./a"],
    outside: ["https://sub.feeds.example/", "https://myfeeds.example/"],
  },
  {
    pattern: "*.feeds.example",
    inside: ["https://a.feeds.example/", "https://a.b.feeds.example/"],
    outside: ["https://feeds.example/", "https://myfeeds.example/"],
  },
  {
    pattern: "https://feeds.example/a/",
    inside: [
      "https://feeds.example/a/",
      "https://feeds.example/a/b?c",
      "https://feeds.example./a/",
      "https://feeds.example:443/%61/",
      "https://feeds.example/x/../a/",
    ],
    outside: ["https://feeds.example/ab", "http://feeds.example/a/"],
  },
])(
  "§5.1.2 CARILLON_TOPIC_DENY=$pattern refuses what it matches with 403, and CARILLON_TOPIC_ALLOW what it does not",
  async ({ pattern, inside, outside }) => {
    await using denying = await openTestHub({ settings: { TOPIC_DENY: `other.example, ${pattern}` } });
    await using allowing = await openTestHub({ settings: { TOPIC_ALLOW: `other.example, ${pattern}` } });
    const refused = (url: string) => [403, `hub.topic "${url}" is not a topic this hub serves\n`];
    for (const url of inside) {
      expect(await post(denying, toSubscribe(url, callback))).toEqual(refused(url));
      expect(await post(allowing, toSubscribe(url, callback))).toEqual([202, ""]);
    }
    for (const url of outside) {
      expect(await post(denying, toSubscribe(url, callback))).toEqual([202, ""]);
      expect(await post(allowing, toSubscribe(url, callback))).toEqual(refused(url));
    }
  },
);

test("§5.1.2 a topic that is allowed and denied is denied", async () => {
  await using hub = await openTestHub({
    settings: { TOPIC_ALLOW: "feeds.example", TOPIC_DENY: "https://feeds.example/secret" },
  });
  expect((await post(hub, toSubscribe("https://feeds.example/open", callback)))[0]).toBe(202);
  expect((await post(hub, toSubscribe("https://feeds.example/secret", callback)))[0]).toBe(403);
});

test("§5.1.2 a callback that CARILLON_CALLBACK_DENY matches is refused with 403 and never asked", async () => {
  await using subscriber = await openSubscriber();
  await using hub = await openTestHub({ settings: { CALLBACK_DENY: `${subscriber.origin}/bad` } });
  const [bad, good] = [subscriber.callback("/bad?x=1"), subscriber.callback("/good")];
  expect(await post(hub, toSubscribe(topic, bad))).toEqual([
    403,
    `hub.callback "${subscriber.callback("/bad")}?…" is not a callback this hub delivers to\n`,
  ]);
  expect(await post(hub, toSubscribe(topic, good))).toEqual([202, ""]);
  await hub.drain();
  expect(subscriber.verifications.map(({ target }) => target.split("?")[0])).toEqual(["/good"]);
});

test("§5.1.2 a callback at an address that is denied is refused although that is written as IPv6", async () => {
  await using hub = await openTestHub({ settings: { CALLBACK_DENY: "127.0.0.1" } });
  for (const host of ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
    expect((await post(hub, toSubscribe(topic, `http://${host}:2/cb`)))[0]).toBe(403);
  expect((await post(hub, toSubscribe(topic, "http://[::ffff:127.0.0.2]:2/cb")))[0]).toBe(202);
});

test("§5.1.2 no list keeps a subscriber from leaving", async () => {
  const settings = { TOPIC_DENY: "feeds.example", CALLBACK_DENY: "reader.example" };
  await using hub = await openTestHub({ settings });
  expect(await post(hub, toUnsubscribe(topic, callback))).toEqual([202, ""]);
});

test("§5.1.2 the hub's own addresses are refused as topic and as callback", async () => {
  await using hub = await openTestHub({ settings: { PUBLIC_URL: "https://hub.example/" } });
  const { port } = new URL((await localUrl(hub)).href);
  const own = [
    "https://hub.example/",
    "https://HUB.example:443/hub?x",
    "https://hub.example/receipts/1",
    `http://127.0.0.1:${port}/`,
    `http://localhost:${port}/hub`,
    `http://[::1]:${port}/`,
    `http://0x7f.1:${port}/`,
    "https://hub.example./",
    "https://hub.example./%68ub",
    `http://localhost.:${port}/`,
    `http://hub.localhost:${port}/`,
    `http://127.0.0.2:${port}/`,
    `http://[::ffff:127.0.0.1]:${port}/`,
    `http://0.0.0.0:${port}/`,
    `http://[::]:${port}/`,
    ...addressesOfThisMachine().map((address) => `http://${address}:${port}/`),
  ];
  for (const url of own) {
    const refused = [403, expect.stringMatching(/^hub\.\w+ "http[^"]+": \S+ is this hub's own address\n$/)];
    expect(await post(hub, toSubscribe(url, callback))).toEqual(refused);
    expect(await post(hub, toSubscribe(topic, url))).toEqual(refused);
  }
  for (const other of ["https://hub.example:8443/", "https://hub.example.com/", "http://127.0.0.2:8081/"])
    expect((await post(hub, toSubscribe(other, callback)))[0]).toBe(202);
});

test("§5.1.2 where the hub shares a host, its neighbours may be topics", async () => {
  await using hub = await openTestHub({ settings: { PUBLIC_URL: "https://blog.example/hub" } });
  expect((await post(hub, toSubscribe("https://blog.example/feed", callback)))[0]).toBe(202);
  expect((await post(hub, toSubscribe("https://blog.example/hubris", callback)))[0]).toBe(202);
  expect((await post(hub, toSubscribe("https://blog.example/hub", callback)))[0]).toBe(403);
  expect((await post(hub, toSubscribe("https://blog.example/hub/publish", callback)))[0]).toBe(403);
  expect((await post(hub, toSubscribe("https://blog.example./%68ub", callback)))[0]).toBe(403);
});

test.each([
  "http://127.0.0.1/",
  "http://10.1.2.3/",
  "http://172.16.0.1/",
  "http://192.168.1.1/",
  "http://169.254.169.254/latest/meta-data",
  "http://100.64.0.1/",
  "http://100.100.100.200/latest/meta-data/",
  "http://192.0.0.192/",
  "http://168.63.129.16/",
  "http://0.0.0.0/",
  "http://2130706433/",
  "http://0x7f.1/",
  "http://0177.0.0.1/",
  "http://[::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[fd00::1]/",
  "http://[fe80::1]/",
  "http://[64:ff9b::7f00:1]/",
  "http://localhost/",
  "http://LOCALHOST./",
  "http://printer/",
  "http://db.internal/",
  "http://nas.local/",
  "http://router.lan/",
  "http://nas.home.arpa/",
])(
  "§5.1.2 unless the operator opens it, %s is refused as topic and as callback, naming CARILLON_ALLOW_CIDRS",
  async (url) => {
    await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "" } });
    const refused = (field: string): unknown => [
      403,
      expect.stringMatching(
        new RegExp(
          `^hub\\.${field} "http[^"]+": the (address|name) \\S+ is not public; CARILLON_ALLOW_CIDRS opens exceptions\\n$`,
        ),
      ),
    ];
    expect(await post(hub, toSubscribe(url, callback))).toEqual(refused("topic"));
    expect(await post(hub, toSubscribe(topic, url))).toEqual(refused("callback"));
    expect(await post(hub, toUnsubscribe(topic, url))).toEqual(refused("callback"));
  },
);

test("§5.1.2 what was opened is open, and nothing beside it", async () => {
  await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "10.1.0.0/16" } });
  expect((await post(hub, toSubscribe("http://10.1.2.3/", callback)))[0]).toBe(202);
  expect((await post(hub, toSubscribe("http://10.2.0.1/", callback)))[0]).toBe(403);
});

test("§5.1.2 a name is judged by what it resolves to when it is dialled: a callback on localhost is never asked", async () => {
  await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "10.0.0.0/8" } });
  await using subscriber = await openSubscriber();
  const { port } = new URL(subscriber.origin);
  expect((await post(hub, toSubscribe(topic, `http://localhost:${port}/cb`)))[0]).toBe(202);
  await hub.drain();
  await hub.pass(10_000);
  await hub.pass(60_000);
  expect(subscriber.verifications).toEqual([]);
});

test("§5.1.2 a refusal by the address guard is data for who asks for it", async () => {
  await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "" } });
  const response = await fetch(await localUrl(hub), {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams(toSubscribe("http://10.0.0.1/", callback)),
  });
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ code: "address_forbidden", status: 403 });
});

function addressesOfThisMachine(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((of = []) => of);
  return all.map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address));
}

/** Where this hub listens, whatever it calls itself. */
async function localUrl(hub: TestHub): Promise<URL> {
  return new URL((await hub.post({})).url);
}
