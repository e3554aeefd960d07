import { createHmac } from "node:crypto";

import { echo, parameters } from "./subscriber.ts";
import type { Answering } from "./peer.ts";

type Form = Readonly<Record<string, string>>;

/** The form of a request to subscribe (§5.1). */
export function toSubscribe(topic: string, callback: string, more: Form = {}): Form {
  return { "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback, ...more };
}

export function toUnsubscribe(topic: string, callback: string, more: Form = {}): Form {
  return toSubscribe(topic, callback, { "hub.mode": "unsubscribe", ...more });
}

/** What X-Hub-Signature must say of these bytes. */
export function signatureOf(body: Buffer | string, secret: string): string {
  return `sha256=${createHmac("sha256", Buffer.from(secret)).update(body).digest("hex")}`;
}

/** Confirms requests of one mode only, as a subscriber does that never asked for the other. */
export function confirming(mode: "subscribe" | "unsubscribe"): Answering {
  return (request) => (parameters(request).get("hub.mode") === mode ? echo(request) : { status: 404 });
}
