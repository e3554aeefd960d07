import type { Scene } from "./scene.ts";
import { openRawPeer } from "./raw-peer.ts";
import type { VerificationCase } from "./verifications.ts";

let count = 0;

/** Has the hub ask a callback that answers so. Resolves to what the hub makes of it. */
export async function verifyAt(scene: Scene, { answer }: VerificationCase): Promise<unknown> {
  await using peer = await openRawPeer(({ target }, socket) => {
    const challenge = new URL(target, "http://peer.example").searchParams.get("hub.challenge") ?? "";
    const text = answer.replaceAll("CHALLENGE", challenge);
    const length = text.slice(text.indexOf("\r\n\r\n") + 4).length;
    socket.end(text.replace("Content-Length: AUTO", `Content-Length: ${length}`), "latin1");
  });
  const topic = `${peer.origin}/topic/${(count += 1)}`;
  await scene.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": `${peer.origin}/` });
  return (await scene.told(topic, "verification"))["next"];
}
