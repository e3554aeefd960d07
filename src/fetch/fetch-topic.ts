import type { Clock } from "../clock.ts";
import type { Content, Validators } from "../model/topic.ts";
import { isOwnFault, type Outbound, type OutboundAnswer } from "../outbound/outbound.ts";
import type { Share } from "../work/byte-budget.ts";
import { freeLargeBody, largeBytes } from "../work/large-body.ts";
import type { Turns } from "../work/turns.ts";
import { BodyRoom } from "./body-room.ts";
import { deliverableContentType } from "./content-type.ts";
import { decodeBody, type DecodedBody } from "./decode-body.ts";
import { discoverLinks } from "./discover-links.ts";
import { followRedirect } from "./follow-redirect.ts";
import { keepValidators } from "./keep-validators.ts";

/** For the whole chain of redirects: a publisher that drips or loops holds a worker no longer. */
const fetchWallClockMs = 20_000;

const maxRedirects = 5;

/** The peer's words in a reason end up in receipts and in the database. */
const maxReasonChars = 300;

export type FetchDeps = {
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** Largest topic, counted after decoding (CARILLON_TOPIC_MAX_BYTES). */
  readonly maxBytes: number;
  /** Of this program. */
  readonly version: string;
  readonly publicUrl: string;
  /** For reading documents. */
  readonly turns: Turns;
  /** Why no redirect may lead to a URL, if so (a clause about it): what is refused as a topic is not fetched by a detour. */
  readonly refuse: (url: URL) => string | undefined;
};

/** What is fetched; a FetchClaim will do. */
export type TopicRequest = {
  readonly url: string;
  readonly validators: Validators;
  readonly subscribers: number;
  /** Where room is held for the body. Whoever is done with that disposes of it. */
  readonly share: Share;
};

/** What the publisher made of a GET. A failure's reason is one line, for receipts. */
export type TopicAnswer =
  | {
      readonly kind: "content";
      readonly content: Content;
      readonly validators: Validators;
      /** Where the chain of redirects ended. */
      readonly finalUrl: string;
    }
  | { readonly kind: "not_modified"; readonly validators: Validators }
  | { readonly kind: "failed"; readonly reason: string }
  /** Neither the address guard nor the operator's policy lets the hub get there. */
  | { readonly kind: "forbidden"; readonly reason: string }
  /** A fault of our own, such as no descriptors or no name server: it counts against nobody. */
  | { readonly kind: "hindered"; readonly reason: string };

type Answered = Extract<OutboundAnswer, { readonly kind: "answered" }>;

type Hop = {
  readonly url: string;
  readonly deadlineMs: number;
  readonly room: BodyRoom;
  readonly signal: AbortSignal;
};

/**
 * Get a topic as the publisher serves it now (§6, §7): conditional, at most 5 redirects, 20 s in all.
 * Content is only a complete 200 of at most `maxBytes`; error pages and broken-off answers never are.
 * Never rejects. After an abort the answer is `hindered`: look at the signal before saving it.
 */
export async function fetchTopic(deps: FetchDeps, request: TopicRequest, signal: AbortSignal): Promise<TopicAnswer> {
  const deadlineMs = deps.clock.monotonicMs() + fetchWallClockMs;
  const room = new BodyRoom(request.share, deps.maxBytes + 1);
  let url = request.url;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const answer = await getWithRoom(deps, request, { url, deadlineMs, room, signal });
    if (answer === undefined) return failed(`no answer within ${fetchWallClockMs / 1000} s`);
    if (answer.kind === "failed") {
      return failed(`${answer.reason}: ${answer.detail}`, kindOf(answer));
    }
    const redirect = followRedirect(url, answer.status, answer.headers["location"]);
    if (redirect.kind === "stay") return await readAnswer(deps, request, answer, url);
    if (redirect.kind === "refused") return failed(redirect.reason);
    const refused = deps.refuse(new URL(redirect.url));
    if (refused !== undefined) return failed(`answered ${answer.status} with a Location ${refused}`, "forbidden");
    url = redirect.url;
  }
  return failed(`more than ${maxRedirects} redirects`);
}

/**
 * A body for which there is no room is waited for and asked for once more: to keep the publisher waiting would use up a
 * connection, and its patience.
 */
async function getWithRoom(deps: FetchDeps, request: TopicRequest, hop: Hop): Promise<OutboundAnswer | undefined> {
  const answer = await getOnce(deps, request, hop);
  if (!hop.room.isMissing || !(await hop.room.wait(leftMs(deps, hop), hop.signal))) return answer;
  return getOnce(deps, request, hop);
}

function leftMs({ clock }: FetchDeps, { deadlineMs }: Hop): number {
  return Math.ceil(deadlineMs - clock.monotonicMs());
}

/** Absent when no time is left for it. */
async function getOnce(
  deps: FetchDeps,
  { validators, subscribers }: TopicRequest,
  hop: Hop,
): Promise<OutboundAnswer | undefined> {
  const wallClockMs = leftMs(deps, hop);
  if (wallClockMs <= 0) return undefined;
  const headers = {
    Accept: "*/*",
    "Accept-Encoding": "identity", // subscribers get the publisher's bytes, and nothing to decode is no bomb
    "User-Agent": `Carillon/${deps.version} (+${deps.publicUrl}; ${subscribers} subscribers)`,
    ...(validators.etag === undefined ? {} : { "If-None-Match": validators.etag }),
    ...(validators.lastModified === undefined ? {} : { "If-Modified-Since": validators.lastModified }),
  };
  // One byte more than may be kept tells a topic that is too large from one that broke off.
  const { url, signal, room } = hop;
  return deps.outbound.exchange({
    url,
    headers,
    wallClockMs,
    maxBytes: deps.maxBytes + 1,
    makeRoom: room.make,
    signal,
  });
}

async function readAnswer(
  deps: FetchDeps,
  { validators }: TopicRequest,
  answer: Answered,
  finalUrl: string,
): Promise<TopicAnswer> {
  const wasConditional = validators.etag !== undefined || validators.lastModified !== undefined;
  // Ours are kept, whatever the 304 says: they are those of the content we hold.
  if (answer.status === 304 && wasConditional) return { kind: "not_modified", validators };
  if (answer.status !== 200) return failed(`answered ${answer.status}`);
  const decoded = await readBody(answer, deps.maxBytes);
  if (decoded.kind === "failed" || decoded.body !== answer.body) freeLargeBody(answer.body);
  if (decoded.kind === "failed") return failed(decoded.reason);
  if (decoded.body.length > largeBytes) await deps.turns.next();
  const content = toContent(answer, decoded.body, finalUrl);
  return { kind: "content", content, validators: keepValidators(answer.headers, deps.clock.wallNow()), finalUrl };
}

async function readBody({ body, complete, headers }: Answered, maxBytes: number): Promise<DecodedBody> {
  const broken = (reason: string): DecodedBody => ({ kind: "failed", reason });
  if (body.length > maxBytes) return broken(`larger than ${maxBytes} bytes`);
  if (!complete) return broken(`answered 200 but broke off after ${body.length} bytes`);
  const decoded = await decodeBody(body, headers["content-encoding"] ?? "", maxBytes);
  return decoded.kind === "failed" ? broken(`answered 200 but ${decoded.reason}`) : decoded;
}

function toContent({ headers }: Answered, body: Buffer, finalUrl: string): Content {
  const contentType = deliverableContentType(headers["content-type"]);
  return { body, contentType, links: discoverLinks({ url: finalUrl, headers, contentType, body }) };
}

type Fruitless = Exclude<TopicAnswer["kind"], "content" | "not_modified">;

function kindOf(failure: Extract<OutboundAnswer, { readonly kind: "failed" }>): Fruitless {
  if (isOwnFault(failure)) return "hindered";
  return failure.reason === "forbidden" ? "forbidden" : "failed";
}

function failed(reason: string, kind: Fruitless = "failed"): TopicAnswer {
  return { kind, reason: reason.replace(/\s/g, " ").slice(0, maxReasonChars) };
}
