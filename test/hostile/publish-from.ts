import { openSubscriber } from "../support/subscriber.ts";
import { openRawPeer } from "./raw-peer.ts";
import type { Scene } from "./scene.ts";
import type { TopicCase } from "./topics.ts";

type Published =
  | { readonly type: string | undefined; readonly link: string | undefined }
  | { readonly failed: unknown };

/** Pings a topic that is served so. Resolves to the fields of its delivery, or to why the fetch failed. */
export async function publishFrom(scene: Scene, { serve }: TopicCase): Promise<Published> {
  await using peer = await openRawPeer((_request, socket) => {
    socket.end(Buffer.isBuffer(serve) ? serve : Buffer.from(serve.replaceAll("ORIGIN", peer.origin), "latin1"));
  });
  await using subscriber = await openSubscriber();
  const topic = `${peer.origin}/`;
  await scene.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": subscriber.callback() });
  await scene.told(topic, "verification");
  await scene.post({ "hub.mode": "publish", "hub.url": topic });
  const { outcome, reason } = await scene.told(topic, "fetch");
  if (outcome !== "changed") return { failed: reason };
  await subscriber.seen(2);
  const headers = subscriber.deliveries[0]?.headers;
  const link = headers?.["link"]?.replaceAll(peer.origin, "ORIGIN").replaceAll(scene.hub.url, "HUB");
  return { type: headers?.["content-type"], link };
}
