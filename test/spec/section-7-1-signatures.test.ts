import { createHmac, randomBytes } from "node:crypto";

import { expect, test } from "vitest";

import { inTurn } from "../support/in-turn.ts";
import type { Received } from "../support/peer.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { openSubscriber } from "../support/subscriber.ts";

const methods = ["sha1", "sha256", "sha384", "sha512"] as const;
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

/** What the signature of a delivery should be. */
function signed(method: string, secret: string, { body }: Received): string {
  return `${method}=${createHmac(method, Buffer.from(secret, "utf8")).update(body).digest("hex")}`;
}

function signature({ headers }: Received): string | undefined {
  return headers["x-hub-signature"];
}

function only({ subscriber }: Scene): Received {
  const [delivery, ...more] = subscriber.deliveries;
  if (delivery === undefined || more.length > 0) throw new Error(`${subscriber.deliveries.length} deliveries`);
  return delivery;
}

test("§7.1 a subscription with a secret gets signed deliveries, by SHA-256 if nobody says otherwise", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "sesame" } });
  await scene.update("one");
  await scene.update("two");
  expect(scene.subscriber.deliveries.map(signature)).toEqual(
    scene.subscriber.deliveries.map((delivery) => signed("sha256", "sesame", delivery)),
  );
  expect(scene.subscriber.deliveries.map(signature)).toEqual([
    expect.stringMatching(/^sha256=[0-9a-f]{64}$/),
    expect.stringMatching(/^sha256=[0-9a-f]{64}$/),
  ]);
});

test("§7.1 the signature is one header, once", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "sesame" } });
  await scene.update("news");
  const names = only(scene).rawHeaders.filter((_, index) => index % 2 === 0);
  expect(names.filter((name) => /signature/i.test(name)).map((name) => name.toLowerCase())).toEqual([
    "x-hub-signature",
  ]);
});

test("§7.1 without a secret nothing is signed", async () => {
  await using scene = await openScene();
  await scene.update("news");
  expect(signature(only(scene))).toBeUndefined();
});

test("§7.1 an empty secret is none", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "" } });
  await scene.update("news");
  expect(signature(only(scene))).toBeUndefined();
});

test("§7.1 each subscription's deliveries are signed with its own secret", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "first" } });
  await using second = await openSubscriber();
  await using third = await openSubscriber();
  await scene.hub.subscribe(scene.topic, second.callback(), { "hub.secret": "second" });
  await scene.hub.subscribe(scene.topic, third.callback());
  await scene.update("news");
  const [delivery] = second.deliveries;
  expect(signature(only(scene))).toBe(signed("sha256", "first", only(scene)));
  expect(signature(only(scene))).not.toBe(delivery && signature(delivery));
  expect(delivery && signature(delivery)).toBe(delivery && signed("sha256", "second", delivery));
  expect(third.deliveries.map(signature)).toEqual([undefined]);
});

test.each<{ what: string; body: Buffer }>([
  { what: "binary content", body: everyByte },
  { what: "5 MB", body: randomBytes(5_000_000) },
  { what: "empty content", body: Buffer.alloc(0) },
  { what: "Latin-1", body: Buffer.from("caf\xe9\r\n", "latin1") },
])("§7.1 the signature of $what is over exactly the bytes sent", async ({ body }) => {
  await using scene = await openScene({ asking: { "hub.secret": "sesame" } });
  await scene.update({ body });
  expect(only(scene).body.equals(body)).toBe(true);
  expect(signature(only(scene))).toBe(signed("sha256", "sesame", only(scene)));
});

test.each([
  { what: "of 199 bytes", secret: "k".repeat(199) },
  { what: "longer than a block of the hash", secret: "a key of more than sixty-four bytes ".repeat(4) },
  { what: "of one byte", secret: "k" },
  { what: "that is not ASCII", secret: "pässwörd – 鍵 🔑" },
  { what: "with white space around it", secret: " sesame\t" },
  { what: "of signs that forms escape", secret: "a+b&c=d%20;e" },
])("§7.1 a secret $what is the key, byte for byte", async ({ secret }) => {
  await using scene = await openScene({ asking: { "hub.secret": secret } });
  await scene.update("news");
  expect(signature(only(scene))).toBe(signed("sha256", secret, only(scene)));
});

test.each(methods)("§7.1 CARILLON_SIGNATURE_METHOD=%s signs by it", async (method) => {
  await using scene = await openScene({ asking: { "hub.secret": "s" }, settings: { SIGNATURE_METHOD: method } });
  await scene.update("news");
  expect(signature(only(scene))).toBe(signed(method, "s", only(scene)));
});

test.each(methods)("§7.1 a subscriber that asks for hub.signature_method=%s gets it", async (method) => {
  const asking = { "hub.secret": "s", "hub.signature_method": method };
  await using scene = await openScene({ asking, settings: { SIGNATURE_METHOD_BY_HOST: "127.0.0.1=sha1" } });
  await scene.update("news");
  expect(signature(only(scene))).toBe(signed(method, "s", only(scene)));
});

test.each([
  { rules: "127.0.0.1=sha1", method: "sha1" },
  { rules: "reader.example=sha1,127.0.0.1=sha384,127.0.0.1=sha1", method: "sha384" },
  { rules: "reader.example=sha1", method: "sha512" },
])("§7.1 CARILLON_SIGNATURE_METHOD_BY_HOST=$rules signs by $method for 127.0.0.1", async ({ rules, method }) => {
  const settings = { SIGNATURE_METHOD: "sha512", SIGNATURE_METHOD_BY_HOST: rules };
  await using scene = await openScene({ asking: { "hub.secret": "s" }, settings });
  await scene.update("news");
  expect(signature(only(scene))).toBe(signed(method, "s", only(scene)));
});

test("§7.1 a subscriber that asks for an unknown method is told so", async () => {
  await using scene = await openScene();
  const response = await scene.hub.post({
    "hub.mode": "subscribe",
    "hub.topic": scene.topic,
    "hub.callback": scene.callback,
    "hub.signature_method": "md5",
  });
  expect(response.status).toBe(400);
  expect(await response.text()).toMatch(/hub\.signature_method "md5" .*sha256/);
});

test("§7.1 a method without a secret signs nothing", async () => {
  await using scene = await openScene({ asking: { "hub.signature_method": "sha512" } });
  await scene.update("news");
  expect(signature(only(scene))).toBeUndefined();
});

test("§7.1 retries are signed too", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "sesame" }, receive: inTurn(503, 204) });
  await scene.update("news");
  await scene.hub.pass(5000);
  const expected = signed("sha256", "sesame", {
    ...scene.subscriber.deliveries[0],
    body: Buffer.from("news"),
  } as Received);
  expect(scene.subscriber.deliveries.map(signature)).toEqual([expected, expected]);
});

test("§7.1 a renewal's secret and method replace those before it, or end the signing", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "old", "hub.signature_method": "sha1" } });
  await scene.update("one");
  await scene.hub.subscribe(scene.topic, scene.callback, { "hub.secret": "new" });
  await scene.update("two");
  await scene.hub.subscribe(scene.topic, scene.callback);
  await scene.update("three");
  const [one, two] = scene.subscriber.deliveries;
  expect(scene.subscriber.deliveries.map(signature)).toEqual([
    one && signed("sha1", "old", one),
    two && signed("sha256", "new", two),
    undefined,
  ]);
});
