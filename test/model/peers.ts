import { createHmac } from "node:crypto";
import { setImmediate } from "node:timers/promises";

import type { Clock } from "../../src/clock.ts";
import type { Outbound, OutboundAnswer, OutboundRequest } from "../../src/outbound/outbound.ts";
import { type PostAnswer, type Poster, type PostRequest, postWallClockMs } from "../../src/outbound/outbound.ts";
import { type Gate, never } from "./gate.ts";
import type { Ledger } from "./ledger.ts";
import { type Answer, pairOf, type PostFate } from "./member.ts";

/** How a subscriber answers a delivery: with a status, not at all, or when it is told to. */
export const behaviours = ["204", "404", "410", "429", "500", "503", "refused", "exhausted", "held"] as const;
export type Behaviour = (typeof behaviours)[number];

/** What those say that would have it later. */
const retryAfterSeconds = { "429": 7200, "503": 30 } as const;
/** The longest the hub heeds. */
const longestRetryAfterMs = 3_600_000;

/** Two topics with three subscribers each, two of which live on one host. */
export const topics = ["http://news.example/0", "http://news.example/1"] as const;
export const callbacks = ["http://a.example/0", "http://a.example/1", "http://b.example/2"] as const;
/** Whoever is not subscribed from the start: enough at one host for a breaker to see that it is down. */
export const crowd = Array.from({ length: 12 }, (_, i) => `http://c.example/${i}`);
export const hosts = ["http://a.example", "http://b.example", "http://c.example"] as const;

/** Everybody the hub talks to. */
export type Peers = {
  readonly behaviour: Map<string, Behaviour>;
  /** Hosts where nobody answers: whoever is there behaves like this. */
  readonly down: Map<string, Behaviour>;
  /** Has one held answer given, or all. */
  release(as: Behaviour, pick?: number): void;
  outboundOf(gate: Gate): Outbound;
  posterOf(gate: Gate, clock: Clock, cut: AbortSignal): Poster;
};

export function createPeers(ledger: Ledger): Peers {
  const behaviour = new Map<string, Behaviour>();
  const down = new Map<string, Behaviour>();
  let held: ((as: PostAnswer) => void)[] = [];

  return {
    behaviour,
    down,
    release(as, pick) {
      const chosen = pick === undefined ? held : held.filter((_, i) => i === pick % held.length);
      held = held.filter((one) => !chosen.includes(one));
      for (const give of chosen) give(answerOf(as));
    },
    outboundOf: (gate) => ({
      exchange: (request) => watched(gate, () => get(request)),
      async [Symbol.asyncDispose]() {},
    }),
    posterOf: (gate, clock, cut) => ({
      post: (request) => watched(gate, () => post(request, { gate, clock, cut })),
      async [Symbol.asyncDispose]() {},
    }),
  };

  async function watched<T>(gate: Gate, ask: () => Promise<T>): Promise<T> {
    if (gate.isShut) return never();
    gate.pulse.count += 1;
    const answer = await ask();
    gate.pulse.count += 1;
    return gate.isShut ? never() : answer;
  }

  async function get({ url }: OutboundRequest): Promise<OutboundAnswer> {
    const version = ledger.pings.served.get(url);
    await setImmediate();
    if (version !== undefined) return answered(200, `${url} version ${version}`);
    const { searchParams } = new URL(url);
    const isForged = searchParams.get("hub.verify_token") === "forged";
    return isForged ? answered(404) : answered(200, searchParams.get("hub.challenge") ?? "");
  }

  async function post({ url, headers: lines, body }: PostRequest, { gate, clock, cut }: World): Promise<PostAnswer> {
    const headers = new Headers(lines.split("\r\n").flatMap((line) => readHeader(line)));
    const text = body.toString();
    const pair = pairOf(text.split(" ")[0] ?? "", url);
    const seen = {
      body: text,
      webhookId: headers.get("webhook-id") ?? "",
      attempt: Number(headers.get("carillon-attempt")),
    };
    const isSignedBy = (secret: string) =>
      headers.get("x-hub-signature") === `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
    ledger.insist(!gate.isStopping, `${pair}: ${text} is sent after SIGTERM (promise E)`);
    const claim = ledger.post(pair, seen, isSignedBy, clock.now());
    const { origin } = new URL(url);
    const as = down.get(origin) ?? behaviour.get(pair) ?? "204";
    const answer = await Promise.race([byBehaviour(as), cutShort(clock, cut)]);
    if (gate.isShut || claim === undefined) return never();
    ledger.answer(origin, claim, read(answer), clock.now());
    return answer;
  }

  async function byBehaviour(as: Behaviour): Promise<PostAnswer> {
    if (as === "held") return new Promise((resolve) => held.push(resolve));
    await setImmediate();
    return answerOf(as);
  }
}

function readHeader(line: string): [string, string][] {
  const [, name, value] = /^([^:]+): (.*)$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [[name, value]];
}

type World = { readonly gate: Gate; readonly clock: Clock; readonly cut: AbortSignal };

function cutShort(clock: Clock, cut: AbortSignal): Promise<PostAnswer> {
  return new Promise((resolve) => {
    const fail = (reason: "aborted" | "timeout") => () => resolve({ kind: "failed", reason, detail: "no answer" });
    clock.after(postWallClockMs, fail("timeout"));
    cut.addEventListener("abort", fail("aborted"));
    if (cut.aborted) fail("aborted")();
  });
}

function answerOf(as: Behaviour): PostAnswer {
  if (as === "exhausted") return { kind: "failed", reason: as, detail: "no descriptor left" };
  if (as === "held" || as === "refused") return { kind: "failed", reason: "refused", detail: "connection refused" };
  const retryAfter = as === "429" || as === "503" ? `${retryAfterSeconds[as]}` : undefined;
  return { kind: "answered", status: Number(as), retryAfter };
}

function answered(status: number, body = ""): OutboundAnswer {
  return {
    kind: "answered",
    status,
    body: Buffer.from(body),
    complete: true,
    headers: { "content-type": "text/plain" },
  };
}

function read(answer: PostAnswer): Answer {
  const post = fateOf(answer);
  const isLost = answer.kind === "failed" && (answer.reason === "refused" || answer.reason === "timeout");
  const isAnswered = answer.kind === "answered";
  const isFaulty = isAnswered && answer.status >= 500 && answer.retryAfter === undefined;
  return { post, retryAfterMs: retryAfterMsOf(answer), isAnswered, isLost, isHostTrouble: isLost || isFaulty };
}

function fateOf(answer: PostAnswer): PostFate {
  if (answer.kind === "failed") {
    if (answer.reason === "exhausted") return "hindered";
    return answer.reason === "aborted" ? "cut" : "failed";
  }
  if (answer.status === 410) return "gone";
  return answer.status === 204 ? "delivered" : "failed";
}

function retryAfterMsOf(answer: PostAnswer): number {
  const header = answer.kind === "answered" ? answer.retryAfter : undefined;
  return Math.min(Number(header ?? 0) * 1000, longestRetryAfterMs);
}
