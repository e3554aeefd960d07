import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";

import { loadConfig } from "../../src/config.ts";
import { createHub } from "../../src/hub.ts";
import { hubPaths } from "../../src/http/hub-page.ts";
import { openTestHub } from "../support/test-hub.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber, parameters } from "../support/subscriber.ts";
import { curl, nodeAxios, nodeRequest, phpForm, pythonForm, pythonRequests, standardForm } from "./http-libraries.ts";
import { ask, exchange, hostOf, request } from "./raw-exchange.ts";
import { subscriberRequests } from "./subscriber-requests.ts";

// Rules are those of the compatibility list in spec-notes/compatibility.md.

/** A topic whose URL shows how a client encodes. */
const feed = "/feed/?cat=1&tag=a%20b~c";

// Rules 1, 6, 7, 9, 14, 16, 17, 18.
test.each(subscriberRequests)(
  "§5.1 $client, with hub.verify or without, gets exactly 202 at $at, is verified, served, and leaves by another 202",
  async ({ at, headers, form, callback, lease = 864_000, token = null }) => {
    await using hub = await openTestHub();
    await using publisher = await openPublisher();
    await using subscriber = await openSubscriber();
    const wish = { topic: publisher.topic(feed), callback: subscriber.callback(callback) };
    const send = (mode: "subscribe" | "unsubscribe") => {
      const bytes = request(hostOf(hub.url), `POST ${at} HTTP/1.1`, headers, form({ ...wish, mode }));
      return ask(hub.url, bytes);
    };
    const publish = (body: string) => {
      publisher.serve(feed, { body });
      return hub.publish(wish.topic);
    };

    expect(await send("subscribe")).toMatchObject({ status: 202, body: "" });
    await hub.drain();
    await publish("one");
    expect(await send("unsubscribe")).toMatchObject({ status: 202, body: "" });
    await hub.drain();
    await publish("two");

    const asked = subscriber.verifications.map((verification) => {
      const given = parameters(verification);
      const names = ["hub.mode", "hub.topic", "hub.lease_seconds", "hub.verify_token"];
      return names.map((name) => given.get(name));
    });
    expect(asked).toEqual([
      ["subscribe", wish.topic, String(lease), token],
      ["unsubscribe", wish.topic, null, token],
    ]);
    expect(subscriber.deliveries.map(({ target, body }) => `${target} ${body.toString()}`)).toEqual([
      `${callback} one`,
    ]);
  },
);

// Rule 17.
test.each(hubPaths)(
  "§5.1 a subscription is taken at %s itself, without a redirect that would lose the POST",
  async (at) => {
    await using hub = await openTestHub();
    await using subscriber = await openSubscriber();
    const form = phpForm([
      ["hub.mode", "subscribe"],
      ["hub.topic", "https://blog.example/feed"],
      ["hub.callback", subscriber.callback()],
    ]);
    const answer = await ask(hub.url, request(hostOf(hub.url), `POST ${at} HTTP/1.1`, curl("curl/8.5.0"), form));
    await hub.drain();
    expect(answer).toMatchObject({ status: 202, body: "" });
    expect(subscriber.verifications).toHaveLength(1);
  },
);

// Rule 18.
test("§5.1 requests without a User-Agent, one after another over one connection, are all answered", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const requests = ["/a", "/b", "/c"].map((path) => {
    const form = standardForm([
      ["hub.callback", subscriber.callback(path)],
      ["hub.mode", "subscribe"],
      ["hub.topic", "https://blog.example/feed"],
      ["hub.verify", "async"],
    ]);
    return request(hostOf(hub.url), "POST / HTTP/1.1", nodeRequest, form);
  });
  const answers = await exchange(hub.url, ...requests);
  await hub.drain();
  expect(answers.map(({ status, body }) => ({ status, body }))).toEqual(
    requests.map(() => ({ status: 202, body: "" })),
  );
  const asked = subscriber.verifications.map(({ target }) => target.slice(0, target.indexOf("?")));
  expect(asked.toSorted()).toEqual(["/a", "/b", "/c"]);
});

// Rule 16.
test("§5.1 unknown fields and repeated legacy ones are ignored", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const form = pythonForm([
    ["hub.verify", "sync"],
    ["hub.verify", "async"],
    ["hub.mode", "subscribe"],
    ["hub.foo", "bar"],
    ["hub.topic", "https://blog.example/feed"],
    ["hub.debug", ""],
    ["hub.callback", subscriber.callback()],
    ["submit", "Do It!"],
  ]);
  const answer = await ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", pythonRequests(), form));
  await hub.drain();
  expect(answer).toMatchObject({ status: 202, body: "" });
  const [verification] = subscriber.verifications;
  expect(verification && [...parameters(verification).keys()]).toEqual([
    "hub.mode",
    "hub.topic",
    "hub.challenge",
    "hub.lease_seconds",
  ]);
});

// Rule 20.
test("§5.1 what cannot be judged at once is accepted: a topic or a callback that does not answer is no reason for a 4xx", async () => {
  await using hub = await openTestHub();
  const gone = await openPublisher();
  await gone[Symbol.asyncDispose]();
  const form = standardForm([
    ["hub.callback", gone.topic("/callback")],
    ["hub.mode", "subscribe"],
    ["hub.topic", gone.topic("/feed")],
  ]);
  const answer = await ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", nodeAxios, form));
  expect(answer).toMatchObject({ status: 202, body: "" });
});

// Rule 20.
test("§5.1 a hundred subscriptions at once are no abuse", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) => {
      const form = phpForm([
        ["hub.mode", "subscribe"],
        ["hub.topic", `https://blog.example/${index}`],
        ["hub.callback", subscriber.callback(`/${index}`)],
      ]);
      return ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", curl("FreshRSS/1.25.0"), form));
    }),
  );
  await hub.drain();
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  expect(subscriber.verifications).toHaveLength(100);
});

// Rule 20.
test.each([
  { what: "no callback", callback: "", said: "hub.callback is missing" },
  { what: "a callback that is no URL", callback: "/callback", said: 'hub.callback "/callback" must be an absolute' },
])("§5.1.2 $what is refused with 400 and the reason as one line of plain text", async ({ callback, said }) => {
  await using hub = await openTestHub();
  const form = phpForm([
    ["hub.mode", "subscribe"],
    ["hub.topic", "https://blog.example/feed"],
    ["hub.callback", callback],
  ]);
  const answer = await ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", curl("curl/8.5.0"), form));
  expect(answer.status).toBe(400);
  expect(answer.headers["content-type"]).toMatch(/^text\/plain\b/);
  expect(answer.body).toMatch(/^[^\n]+\n$/);
  expect(answer.body).toContain(said);
});

// Rule 19.
test("§5.1 Flask-WebSub tries TLS on the plain port first: that connection is closed, the plain one answered, nothing logged as an error", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "carillon-test-"));
  stack.defer(() => rm(folder, { recursive: true }));
  const said: string[] = [];
  const log = pino({ level: "warn" }, { write: (line) => said.push(line) });
  const hub = stack.use(createHub(loadConfig(settingsIn(folder), []), { log, manual: true }));
  await hub.start();

  const tls = connectTls({ port: hub.listening.port, host: "127.0.0.1", rejectUnauthorized: false });
  await expect(once(tls, "secureConnect")).rejects.toThrow("wrong version number"); // the hub spoke plain HTTP
  const form = pythonForm([
    ["hub.callback", "https://reader.example/callbacks/5ba51e46"],
    ["hub.mode", "subscribe"],
    ["hub.topic", "https://blog.example/feed"],
  ]);
  const answer = await ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", pythonRequests(), form));
  expect(answer).toMatchObject({ status: 202, body: "" });
  expect(said).toEqual([]);
});

function settingsIn(folder: string): Record<string, string> {
  return { CARILLON_PORT: "0", CARILLON_DATABASE_URL: `file:${join(folder, "carillon.db")}` };
}
