import { expect, test } from "vitest";

import { signatureOf, toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { openScene } from "../support/scene.ts";
import { openSubscriber, parameters } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

test("§3.1 a hub accepts a subscription, confirms it, distributes full content of the same type, and lets go", async () => {
  await using scene = await openScene();
  const body = Buffer.from([0xef, 0xbb, 0xbf, 0x00, 0xff, 0x0d, 0x0a]);
  await scene.update({ headers: { "content-type": "application/x-thing; charset=latin1; v=2" }, body });
  await scene.hub.post(toUnsubscribe(scene.topic, scene.callback));
  await scene.hub.drain();
  await scene.update("nobody is left");

  const [delivery] = scene.subscriber.deliveries;
  expect(scene.subscriber.deliveries).toHaveLength(1);
  expect(delivery?.body).toEqual(body);
  expect(delivery?.headers["content-type"]).toBe("application/x-thing; charset=latin1; v=2");
});

test("§3.1 a hub accepts a secret, over plain HTTP too, and signs every delivery with it", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "s3cret" } });
  await scene.update("one");
  await scene.update("two");
  const signatures = scene.subscriber.deliveries.map(({ headers }) => headers["x-hub-signature"]);
  expect(signatures).toEqual([signatureOf("one", "s3cret"), signatureOf("two", "s3cret")]);
});

test("§3.1 a hub respects the lease asked for and allows renewal before it ends", async () => {
  const asking = { "hub.lease_seconds": "600" };
  await using scene = await openScene({ asking });
  await scene.hub.pass(599_000);
  await scene.hub.subscribe(scene.topic, scene.callback, asking);
  await scene.hub.pass(599_000);
  await scene.update("content");
  const offered = scene.subscriber.verifications.map((request) => parameters(request).get("hub.lease_seconds"));
  expect(offered).toEqual(["600", "600"]);
  expect(scene.bodies()).toEqual(["content"]);
});

test("§3.1 whom a hub serves is the operator's to say: by default everybody on the internet, and nobody inside", async () => {
  await using subscriber = await openSubscriber();
  await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "" } });
  const [topic, callback] = ["https://feeds.example/a", "https://reader.example/cb"];
  expect((await hub.post(toSubscribe(topic, callback))).status).toBe(202);
  expect((await hub.post(toSubscribe(topic, subscriber.callback()))).status).toBe(403);
});
