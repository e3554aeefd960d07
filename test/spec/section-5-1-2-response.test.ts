import { expect, test } from "vitest";

import { Names, openNamedSubscriber } from "../support/named-subscriber.ts";
import { sendRaw } from "../support/raw-request.ts";
import { toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { echo, openSubscriber, parameters } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

const nobody = "http://127.0.0.1:2/";
const formType = { "content-type": "application/x-www-form-urlencoded" };

test("§5.1.2 subscribing and unsubscribing are answered 202 with no body, and nothing of what was sent", async () => {
  await using hub = await openTestHub();
  for (const form of [toSubscribe(nobody, nobody, { "hub.secret": "s3cret" }), toUnsubscribe(nobody, nobody)]) {
    const response = await hub.post(form);
    expect([response.status, await response.text()]).toEqual([202, ""]);
    expect(JSON.stringify([...response.headers])).not.toMatch(/s3cret|127\.0\.0\.1:2/);
  }
});

test.each(["sync", "async"])("§5.1.2 hub.verify=%s changes nothing: 202, and then the verification", async (verify) => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const both: [string, string][] = [
    ["hub.verify", verify],
    ["hub.verify", "async"],
  ];
  const response = await hub.post([...both, ...Object.entries(toSubscribe(nobody, subscriber.callback()))]);
  expect(response.status).toBe(202);
  await hub.drain();
  expect(subscriber.verifications).toHaveLength(1);
});

test("§5.1.2 verification follows the response at once: no time passes on the hub's clock", async () => {
  await using hub = await openTestHub({ running: true });
  await using subscriber = await openSubscriber();
  await hub.post(toSubscribe(nobody, subscriber.callback()));
  await subscriber.seen(1);
  expect(hub.clock.monotonicMs()).toBe(0);
});

test("§5.1.2 a callback that hangs delays neither its own 202 nor the verification of other hosts", async () => {
  await using hub = await openTestHub({ running: true, resolve: new Names().resolve });
  await using hanging = await openSubscriber({ verify: () => "hang" });
  await using other = await openNamedSubscriber("other.example");

  for (let n = 0; n < 8; n++) {
    expect((await hub.post(toSubscribe(nobody, hanging.callback(`/${n}`)))).status).toBe(202);
  }
  await hanging.seen(1);
  expect((await hub.post(toSubscribe(nobody, hanging.callback("/0"), { "hub.secret": "new" }))).status).toBe(202);
  expect((await hub.post(toUnsubscribe(nobody, hanging.callback("/0")))).status).toBe(202);
  await hub.post(toSubscribe(nobody, other.callback()));
  await other.seen(1);

  expect(hub.clock.monotonicMs()).toBe(0);
  expect(other.verifications).toHaveLength(1);
});

test("§5.1.2 at one origin too, a callback that hangs does not delay the verification of another", async () => {
  await using hub = await openTestHub({ running: true });
  await using subscriber = await openSubscriber({
    verify: (one) => (one.target.startsWith("/slow") ? "hang" : echo(one)),
  });
  await hub.post(toSubscribe(nobody, subscriber.callback("/slow")));
  await subscriber.seen(1);
  await hub.post(toSubscribe(nobody, subscriber.callback("/quick")));
  await subscriber.seen(2);
  expect(subscriber.verifications.map(({ target }) => target.split("?")[0])).toEqual(["/slow", "/quick"]);
});

test("§5.1.2 200 callbacks subscribed at once are 200 subscriptions, each verified once", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const callbacks = Array.from({ length: 200 }, (_, n) => subscriber.callback(`/${n}`));

  const responses = await Promise.all(callbacks.map((callback) => hub.post(toSubscribe(nobody, callback))));
  await hub.drain();

  expect(responses.map(({ status }) => status)).toEqual(callbacks.map(() => 202));
  const asked = subscriber.verifications.map(({ target }) => subscriber.origin + target.split("?")[0]);
  expect(asked.toSorted()).toEqual(callbacks.toSorted());
  expect(new Set(subscriber.verifications.map((one) => parameters(one).get("hub.challenge"))).size).toBe(200);
});

test("§5.1.2 the response is the same whatever verification will find, and whoever is subscribed already", async () => {
  await using hub = await openTestHub();
  await using willing = await openSubscriber();
  await using refusing = await openSubscriber({ verify: () => ({ status: 404 }) });
  const forms = [willing.callback(), refusing.callback(), nobody].flatMap((callback) => [
    toSubscribe(nobody, callback),
    toUnsubscribe(nobody, callback),
  ]);

  const answers = new Set<string>();
  for (let round = 0; round < 2; round++) {
    for (const form of forms) {
      const response = await hub.post(form);
      const headers = [...response.headers].filter(([name]) => name !== "date");
      answers.add(JSON.stringify([response.status, headers, await response.text()]));
      await hub.drain();
    }
  }

  expect(willing.verifications.length).toBeGreaterThan(2);
  expect([...answers]).toHaveLength(1);
});

test("§5.1.2 unsubscribing a pair the hub does not know is answered 202, and the callback is left in peace", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await hub.subscribe(nobody, subscriber.callback("/known"));
  expect((await hub.post(toUnsubscribe(nobody, subscriber.callback()))).status).toBe(202);
  await hub.drain();
  expect(subscriber.verifications.map(({ target }) => target.split("?")[0])).toEqual(["/known"]);
});

test.each(["/", "/hub", "/hub/", "/subscribe", "/subscribe/", "/publish", "/publish/"])(
  "§5.1.2 the hub answers at %s itself, without a redirect",
  async (path) => {
    await using hub = await openTestHub();
    await using subscriber = await openSubscriber();
    const post = async (form: Readonly<Record<string, string>>) =>
      (await sendRaw(hub.url, { path, headers: formType, body: String(new URLSearchParams(form)) })).status;

    expect(await post(toSubscribe(nobody, subscriber.callback()))).toBe(202);
    expect(await post({ "hub.mode": "publish", "hub.url": nobody })).toBe(204);
    expect((await sendRaw(hub.url, { method: "GET", path })).status).toBe(200);
    await hub.drain();
    expect(subscriber.verifications).toHaveLength(1);
  },
);

test("§5.1.2 an error is described in one sentence of plain text that no browser takes for anything else", async () => {
  await using hub = await openTestHub();
  const response = await hub.post(toSubscribe("<script>alert(1)</script>", nobody));
  expect(response.status).toBe(400);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; charset=utf-8$/i);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(await response.text()).toBe(
    'hub.topic "<script>alert(1)</script>" must not hold white space, control characters, quotes, angle brackets or backslashes\n',
  );
});

test("§5.1.2 a value that is quoted in an error is cut to a length one can read, on one line", async () => {
  await using hub = await openTestHub();
  const response = await hub.post(toSubscribe(`a\r\n\u2028${"x".repeat(5000)}`, nobody));
  const text = await response.text();
  expect(response.status).toBe(400);
  expect(text).toMatch(/^hub\.topic "a\ufffd\ufffd\ufffdx{196}…" must be at most 2048 characters long\n$/);
});

test.each(["application/json", "application/problem+json", "text/html, application/problem+json;q=0.9, */*;q=0.1"])(
  "§5.1.2 who accepts %s gets the error as data",
  async (accept) => {
    await using hub = await openTestHub();
    const body = String(new URLSearchParams(toSubscribe("feed", nobody)));
    const answer = await sendRaw(hub.url, { headers: { ...formType, accept }, body });
    expect(answer.status).toBe(400);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(JSON.parse(answer.body)).toEqual({
      title: "invalid_request",
      status: 400,
      code: "invalid_request",
      detail: 'hub.topic "feed" must be an absolute http or https URL',
    });
  },
);
