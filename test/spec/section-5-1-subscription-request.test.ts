import { expect, test } from "vitest";

import { sendRaw } from "../support/raw-request.ts";
import { signatureOf, toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { openScene } from "../support/scene.ts";
import { openSubscriber, parameters } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

const topic = "http://127.0.0.1:2/feed";
const formType = { "content-type": "application/x-www-form-urlencoded" };

test("§5.1 a POST of mode, topic and callback is answered 202 and verified", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();

  const response = await hub.post(toSubscribe(topic, subscriber.callback()));
  await hub.drain();

  expect([response.status, await response.text()]).toEqual([202, ""]);
  expect(subscriber.verifications.map((request) => parameters(request).get("hub.topic"))).toEqual([topic]);
});

test.each(["GET", "HEAD", "PUT", "PATCH", "DELETE"])("§5.1 %s does not subscribe", async (method) => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const form = String(new URLSearchParams(toSubscribe(topic, subscriber.callback())));

  const inQuery = await sendRaw(hub.url, { method, path: `/?${form}` });
  const length = { "content-length": String(form.length) }; // node:http gives a body to these methods only if told so
  const inBody = await sendRaw(hub.url, { method, headers: { ...formType, ...length }, body: form });
  await hub.drain();

  const expected = method === "GET" || method === "HEAD" ? 200 : 405;
  expect([inQuery.status, inBody.status]).toEqual([expected, expected]);
  expect(subscriber.verifications).toEqual([]);
});

test("§5.1 parameters of a subscription in the query string of a POST are not a request", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const form = String(new URLSearchParams(toSubscribe(topic, subscriber.callback())));

  const answer = await sendRaw(hub.url, { path: `/?${form}`, headers: formType, body: "" });
  await hub.drain();

  expect(answer.status).toBe(400);
  expect(subscriber.verifications).toEqual([]);
});

test.each(["hub.mode", "hub.topic", "hub.callback"])(
  "§5.1 without %s, or with it empty, it is refused",
  async (field) => {
    await using hub = await openTestHub();
    await using subscriber = await openSubscriber();
    const form = toSubscribe(topic, subscriber.callback());

    for (const incomplete of [
      Object.entries(form).filter(([name]) => name !== field),
      Object.entries({ ...form, [field]: "" }),
    ]) {
      const response = await hub.post(incomplete);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain(field);
    }
    await hub.drain();
    expect(subscriber.verifications).toEqual([]);
  },
);

test.each(["Subscribe", "subscribe ", "list", "retrieve", "denied"])(
  "§5.1 the mode %j is refused by name",
  async (mode) => {
    await using hub = await openTestHub();
    const response = await hub.post(toSubscribe(topic, "http://127.0.0.1:2/cb", { "hub.mode": mode }));
    expect(response.status).toBe(400);
    expect(await response.text()).toBe(`hub.mode "${mode}" must be subscribe, unsubscribe or publish\n`);
  },
);

test.each(["abc", "-5", "0", "000", "1.5", "1e3", "0x10", "+5", " 5", "5 ", "٣", "5s"])(
  "§5.1 hub.lease_seconds %j is no positive decimal number and is refused",
  async (lease) => {
    await using hub = await openTestHub();
    const response = await hub.post(toSubscribe(topic, "http://127.0.0.1:2/cb", { "hub.lease_seconds": lease }));
    expect(response.status).toBe(400);
    expect(await response.text()).toBe(`hub.lease_seconds "${lease}" must be a positive whole number of seconds\n`);
  },
);

test("§5.1 hub.lease_seconds of an unsubscription is ignored, also when it is nonsense", async () => {
  await using scene = await openScene();
  const form = toUnsubscribe(scene.topic, scene.callback, { "hub.lease_seconds": "abc" });
  expect((await scene.hub.post(form)).status).toBe(202);
  await scene.hub.drain();
  await scene.update("after");
  expect(scene.bodies()).toEqual([]);
});

test.each([
  ["plain", "s3cret"],
  ["characters that mean something in a form", "a+b&c=d%20;e f"],
  ["characters of several bytes", "schlüssel-鍵-🔑"],
  ["control characters", "\u0000a\nb\r\nc\td\u007f"],
  ["white space around it", "  padded\n"],
  ["199 bytes", "x".repeat(199)],
  ["199 bytes in 100 characters", `${"é".repeat(99)}x`],
])("§5.1 the secret's exact bytes key the signature: %s", async (_, secret) => {
  await using scene = await openScene({ asking: { "hub.secret": secret } });
  await scene.update("content");
  const [delivery] = scene.subscriber.deliveries;
  expect(delivery?.headers["x-hub-signature"]).toBe(signatureOf("content", secret));
});

test.each([
  ["200 bytes", "x".repeat(200)],
  ["200 bytes in 100 characters", "é".repeat(100)],
  ["4000 bytes", "x".repeat(4000)],
])("§5.1 a secret of %s is refused, and not shown", async (_, secret) => {
  await using hub = await openTestHub();
  const response = await hub.post(toSubscribe(topic, "http://127.0.0.1:2/cb", { "hub.secret": secret }));
  const text = await response.text();
  expect(response.status).toBe(400);
  expect(text).toBe(`hub.secret is ${Buffer.byteLength(secret)} bytes long; it must be under 200\n`);
});

test("§5.1 an empty secret is none: deliveries are not signed", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "" } });
  await scene.update("content");
  expect(scene.subscriber.deliveries.map(({ headers }) => "x-hub-signature" in headers)).toEqual([false]);
});

test.each([
  ["with a charset", "application/x-www-form-urlencoded; charset=UTF-8"],
  ["in capitals", "Application/X-WWW-Form-URLEncoded"],
  ["absent", undefined],
])("§5.1 the form's Content-Type may be %s", async (_, type) => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const body = String(new URLSearchParams(toSubscribe(topic, subscriber.callback())));

  const answer = await sendRaw(hub.url, { headers: type === undefined ? {} : { "content-type": type }, body });
  await hub.drain();

  expect(answer.status).toBe(202);
  expect(subscriber.verifications).toHaveLength(1);
});

test.each(["application/json", "multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencodedx"])(
  "§5.1 a body of type %s is refused",
  async (type) => {
    await using hub = await openTestHub();
    const body = String(new URLSearchParams(toSubscribe(topic, "http://127.0.0.1:2/cb")));
    const answer = await sendRaw(hub.url, { headers: { "content-type": type }, body });
    expect(answer.status).toBe(400);
    expect(answer.body).toBe(`Content-Type "${type}" must be application/x-www-form-urlencoded\n`);
  },
);

test.each([
  ["http://127.0.0.1:2/feed?q=a%2Bb%26c&x=%C3%A9"],
  ["http://127.0.0.1:2/feed?q=a+b;c,d"],
  ["http://127.0.0.1:2/é/鍵?ü"],
  ["HTTP://127.0.0.1:2/%7Euser/../feed"],
])("§5.1 the topic %s survives the form and comes back as it was asked for", async (asked) => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await hub.subscribe(asked, subscriber.callback());
  expect(subscriber.verifications.map((request) => parameters(request).get("hub.topic"))).toEqual([asked]);
});

test("§5.1 parameters the hub does not understand are ignored", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const response = await hub.post([
    ["foo", "bar"],
    ["hub.foo", "1"],
    ["", ""],
    ["hub.mode[]", "unsubscribe"],
    ["__proto__", "x"],
    ["superfeedr.digest", "true"],
    ...Object.entries(toSubscribe(topic, subscriber.callback())),
    ["hub.unknown", "<script>"],
  ]);
  await hub.drain();
  expect(response.status).toBe(202);
  const [request] = subscriber.verifications;
  expect(request && [...parameters(request).keys()]).toEqual([
    "hub.mode",
    "hub.topic",
    "hub.challenge",
    "hub.lease_seconds",
  ]);
});

test("§5.1 of a repeated parameter the first counts", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await hub.post([
    ...Object.entries(toSubscribe(topic, subscriber.callback("/first"))),
    ["hub.callback", subscriber.callback("/second")],
  ]);
  await hub.drain();
  expect(subscriber.verifications.map(({ target }) => target.split("?")[0])).toEqual(["/first"]);
});
