import { createHmac } from "node:crypto";

import type { Answer, Received } from "../support/peer.ts";
import { type Behaviour, parameters } from "../support/subscriber.ts";

// How the subscribers of reference clients.md section 2 answer, so far as a hub can tell.

/** A client, and the deliveries it handed on to its application: 2xx and silence look alike to the hub. */
export type Client = Required<Behaviour> & { readonly taken: readonly string[] };

const text = { "Content-Type": "text/plain; charset=UTF-8" };

/** Knows its subscription by `?k=`. Once nobody reads the feed any more, it ends it in two ways. */
export function freshRss(key: string, reading: { readers: number }): Client {
  const taken: string[] = [];
  return {
    taken,
    verify(request) {
      const given = parameters(request);
      const mode = given.get("hub.mode");
      const challenge = given.get("hub.challenge") ?? "";
      if (given.get("k") !== key) return { status: mode === "unsubscribe" ? 200 : 410, headers: text, body: challenge };
      if (mode === "unsubscribe" && reading.readers > 0) return { status: 422, headers: text };
      return mode === "denied" ? { status: 422, headers: text } : { headers: text, body: challenge };
    },
    receive(request) {
      if (parameters(request).get("k") !== key || reading.readers === 0) return { status: 410, headers: text };
      taken.push(request.body.toString());
      return { headers: text, body: `Done: ${reading.readers}\n` };
    },
  };
}

/** Reads nothing but the first element of Link; without one, the callback's own `?topic=`. */
export function npmPubsubhubbub(): Client {
  const taken: string[] = [];
  return {
    taken,
    verify: (request) => ({ headers: text, body: parameters(request).get("hub.challenge") ?? "ok" }),
    receive(request) {
      const { link } = request.headers;
      if (link === undefined) return { status: 400 };
      const [first = ""] = link.split(",");
      const self = /<([^>]+)>\s*;\s*rel=['"]self['"]/i.exec(first)?.[1];
      const topic = self ?? parameters(request).get("topic");
      if (topic === null) return { status: 400 };
      if (request.body.length > 3 * 1024 * 1024) return { status: 413 };
      taken.push(`${topic} ${request.body.toString()}`);
      return { status: 204, headers: text };
    },
  };
}

/** Fails on anything but an Atom body with YouTube's fields. */
export function youtubeNotification(): Client {
  const taken: string[] = [];
  return {
    taken,
    verify: (request) => ({ body: parameters(request).get("hub.challenge") ?? "" }),
    receive(request) {
      const video = /<yt:videoId>([^<]+)</.exec(request.body.toString())?.[1];
      if (video === undefined) return { status: 500 };
      taken.push(video);
      return { status: 200 };
    },
  };
}

/** Forgets a request at its first verification, wants Content-Length, and takes at most 1 MiB. */
export function flaskWebSub(asked: {
  readonly mode: string;
  readonly topic: string;
  readonly secret?: string;
}): Client {
  const taken: string[] = [];
  let pending = true;
  return {
    taken,
    verify(request) {
      const given = parameters(request);
      if (!pending || given.get("hub.mode") !== asked.mode || given.get("hub.topic") !== asked.topic)
        return { status: 404 };
      if (!/^[1-9]\d*$/.test(given.get("hub.lease_seconds") ?? "")) return { status: 400 };
      pending = false;
      return { headers: { "Content-Type": "application/octet-stream" }, body: given.get("hub.challenge") ?? "" };
    },
    receive(request) {
      if (pending) return { status: 404 };
      const length = Number(request.headers["content-length"]);
      if (Number.isNaN(length) || "transfer-encoding" in request.headers) return { status: 500 };
      if (length > 1024 * 1024) return { status: 400, body: "Body too large" };
      if (asked.secret === undefined || isSignedWith(asked.secret, /^[a-z0-9]+$/, request))
        taken.push(request.body.toString());
      return { body: "Content received" };
    },
  };
}

/** Echoes as text/html, needs the lease in digits; other signatures than sha1 it drops with a 200. */
export function djangoPush(secret: string): Client {
  const taken: string[] = [];
  return {
    taken,
    verify(request) {
      const given = parameters(request);
      const challenge = given.get("hub.challenge");
      if (challenge === null || !/^\d+$/.test(given.get("hub.lease_seconds") ?? "")) return { status: 400 };
      return { headers: { "Content-Type": "text/html; charset=utf-8" }, body: challenge };
    },
    receive(request) {
      if (isSignedWith(secret, /^sha1$/, request)) taken.push(request.body.toString());
      return { headers: { "Content-Type": "text/html; charset=utf-8" } };
    },
  };
}

/** 404 unless the token comes back; a delivery is only a signal. */
export function newsBlur(token: string): Client {
  const taken: string[] = [];
  return {
    taken,
    verify(request) {
      const given = parameters(request);
      const isAsked = given.get("hub.mode") !== "subscribe" || given.get("hub.verify_token") === token;
      return isAsked ? { headers: text, body: given.get("hub.challenge") ?? "" } : { status: 404 };
    },
    receive(request) {
      taken.push(request.body.toString());
      return { body: "OK" };
    },
  };
}

/** WordPress' REST layer makes the challenge a JSON string; the plugin takes tags and %xx out of it before. */
export function wordPress(subscriptionId: string, secret: string): Client {
  const taken: string[] = [];
  return {
    taken,
    verify(request) {
      const given = parameters(request);
      if (given.get("subscription_id") !== subscriptionId) return { status: 404 };
      const challenge = (given.get("hub.challenge") ?? "").replace(/<[^>]*>|%[0-9a-f]{2}/gi, "");
      return { headers: { "Content-Type": "text/plain" }, body: JSON.stringify(challenge) };
    },
    receive(request) {
      if (isSignedWith(secret, /^sha(?:1|256|384|512)$/, request)) taken.push(request.body.toString());
      return { status: 200 };
    },
  };
}

/** Confirms with 202. Both links must come with a delivery: self is compared as text, hub by its host. */
export function swiftWebSubKit(topic: string, hubUrl: string): Client {
  const taken: string[] = [];
  return {
    taken,
    verify: (request) => ({ status: 202, body: parameters(request).get("hub.challenge") ?? "" }),
    receive(request) {
      const link = request.headers["link"] ?? "";
      const self = /<([^>]+)>; rel="self"/.exec(link)?.[1];
      const hub = /<([^>]+)>; rel="hub"/.exec(link)?.[1];
      if (self !== topic || hub === undefined || new URL(hub).hostname !== new URL(hubUrl).hostname)
        return { status: 404 };
      taken.push(request.body.toString());
      return { status: 202 };
    },
  };
}

/** Django with Celery: 400 to a GET, 410 to a POST of a subscription it does not know. */
export function webSubSub(topics: Set<string>): Client {
  const taken: string[] = [];
  return {
    taken,
    verify(request) {
      const given = parameters(request);
      const isAsked = topics.has(given.get("hub.topic") ?? "") && /^\d+$/.test(given.get("hub.lease_seconds") ?? "");
      return isAsked ? { body: given.get("hub.challenge") ?? "" } : { status: 400 };
    },
    receive(request) {
      if (topics.size === 0) return { status: 410 };
      taken.push(request.body.toString());
      return { status: 200 };
    },
  };
}

/** Feedbin, Mastodon and GNU social: the topic as it was asked for, sha1, and never a word about a bad signature. */
export function sha1Only(topic: string, secret: string): Client {
  const taken: string[] = [];
  const known = (request: Received): Answer =>
    parameters(request).get("hub.topic") === topic
      ? { headers: text, body: parameters(request).get("hub.challenge") ?? "" }
      : { status: 404 };
  return {
    taken,
    verify: known,
    receive(request) {
      if (isSignedWith(secret, /^sha1$/, request)) taken.push(request.body.toString());
      return { status: 200 };
    },
  };
}

/** Whether X-Hub-Signature is right, by a method whose name the client knows. */
function isSignedWith(secret: string, known: RegExp, { headers, body }: Received): boolean {
  const [method = "", signature, ...rest] = (headers["x-hub-signature"] ?? "").split("=");
  if (rest.length > 0 || !known.test(method)) return false;
  return createHmac(method, secret).update(body).digest("hex") === signature;
}
