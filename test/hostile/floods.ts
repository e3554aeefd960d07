import { connect, type Socket } from "node:net";

import { openPublisher } from "../support/publisher.ts";
import { openHoldingSubscriber } from "../support/holding-subscriber.ts";
import { sendRaw } from "../support/raw-request.ts";
import type { Scene } from "./scene.ts";

/** Something done to a hub that answers nobody else's business meanwhile: it resolves when that much has been done. */
export type Flood = { readonly what: string; readonly run: (scene: Scene, from: string) => Promise<void> };

/** Runs it, from an address of its own. Resolves when the hub, after it, still serves others. */
export async function flood(scene: Scene, { run }: Flood): Promise<"borne"> {
  const from = `127.3.0.${floods.findIndex((each) => each.run === run) + 1}`;
  await run(scene, from);
  const { status } = await sendRaw(scene.hub.url, { method: "GET", path: "/readyz", from: "127.0.0.8" });
  if (status !== 200) throw new Error(`the hub is not ready: ${status}`);
  return "borne";
}

const form = "POST / HTTP/1.1\r\nHost: hub\r\nContent-Type: application/x-www-form-urlencoded\r\n";

/** Opens connections that say `start` and nothing after it, for as long as `work` takes. */
async function hold(
  scene: Scene,
  from: string,
  count: number,
  start: string,
  work: () => Promise<void>,
): Promise<void> {
  const sockets = Array.from({ length: count }, () => open(scene, from));
  for (const socket of sockets) socket.write(start);
  await work();
  for (const socket of sockets) socket.destroy();
}

function open({ hub }: Scene, from: string): Socket {
  const { hostname, port } = new URL(hub.url);
  return connect({ host: hostname, port: Number(port), localAddress: from }).on("error", () => undefined);
}

/** Others are served meanwhile. */
async function askOften(scene: Scene): Promise<void> {
  for (let i = 0; i < 20; i += 1) await sendRaw(scene.hub.url, { method: "GET", from: "127.0.0.8" });
}

/** Sends it all at once over connections of its own, and waits for the hub to hang up. */
async function pour(scene: Scene, from: string, count: number, bytes: string): Promise<void> {
  const ends = Array.from({ length: count }, () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = open(scene, from);
    socket.once("close", () => resolve()).resume();
    socket.end(bytes);
    return promise;
  });
  await Promise.all(ends);
}

async function pourInTurns(
  scene: Scene,
  from: string,
  { count, atOnce }: { readonly count: number; readonly atOnce: number },
  bytes: string,
): Promise<void> {
  for (let sent = 0; sent < count; sent += atOnce) await pour(scene, from, atOnce, bytes);
}

const largeTopics = 12;
const largeBytes = 10_000_000;

/** Topics of the largest size, all pinged at once. */
async function publishLarge(scene: Scene, isTaken: boolean): Promise<void> {
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  if (isTaken) subscriber.release(204);
  const topics = Array.from({ length: largeTopics }, (_, i) => publisher.topic(`/${i}`));
  for (const [i, topic] of topics.entries()) {
    publisher.serve(`/${i}`, { body: Buffer.alloc(largeBytes, i + 1) });
    await scene.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": subscriber.callback(`/${i}`) });
    await scene.told(topic, "verification");
  }
  for (const topic of topics) await scene.post({ "hub.mode": "publish", "hub.url": topic });
  await Promise.all(topics.map((topic) => scene.told(topic, "fetch")));
  if (isTaken) await subscriber.seen(2 * largeTopics);
}

const manyFields = `Content-Length: 20000\r\nConnection: close\r\n\r\n${"a&".repeat(10_000)}`;
const pipelined = "GET / HTTP/1.1\r\nHost: hub\r\n\r\n";

export const floods: readonly Flood[] = [
  {
    what: "10,000 requests on three connections that wait for no answer",
    run: (scene, from) => pour(scene, from, 3, pipelined.repeat(3333)),
  },
  { what: "500 connections that say nothing", run: (scene, from) => hold(scene, from, 500, "", () => askOften(scene)) },
  {
    what: "500 requests without an end",
    run: (scene, from) => hold(scene, from, 500, "GET / HTTP/1.1\r\nX: ", () => askOften(scene)),
  },
  {
    what: "500 forms of which half has come",
    run: (scene, from) =>
      hold(scene, from, 500, `${form}Content-Length: 60000\r\n\r\n${"x".repeat(30_000)}`, () => askOften(scene)),
  },
  {
    what: "a form of 20,000 chunks",
    run: (scene, from) =>
      pour(scene, from, 1, `${form}Transfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(20_000)}`),
  },
  {
    what: "a form of 20 MB",
    run: (scene, from) => pour(scene, from, 4, `${form}Content-Length: 20000000\r\n\r\n${"x".repeat(5_000_000)}`),
  },
  {
    what: "500 forms of 10,000 fields, 100 at a time",
    run: (scene, from) => pourInTurns(scene, from, { count: 500, atOnce: 100 }, `${form}${manyFields}`),
  },
  { what: "12 topics of 10 MB at once", run: (scene) => publishLarge(scene, true) },
  { what: "12 topics of 10 MB at once, whose subscriber answers nothing", run: (scene) => publishLarge(scene, false) },
];
