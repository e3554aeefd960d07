/** One GET of a stranger's server. */
export type OutboundRequest = {
  /** Absolute http(s) URL without userinfo or fragment. What follows the authority goes on the wire byte for byte where it is plain ASCII. */
  readonly url: string;
  /** Besides Host and Connection. */
  readonly headers: Readonly<Record<string, string>>;
  /** From the start (name resolution included) to the last byte. */
  readonly wallClockMs: number;
  /** Bytes of the answer's body to read. What comes after is not read: the answer is then `complete: false`. */
  readonly maxBytes: number;
  readonly makeRoom?: MakeRoom;
  readonly signal: AbortSignal;
};

/** Asked before `bytes` of an answer's body are in memory. False: there is no room, and the exchange fails as `exhausted`. */
export type MakeRoom = (bytes: number, headers: AnswerHeaders) => boolean;

/** Lower-case names; repeated fields joined by ", ". */
export type AnswerHeaders = Readonly<Record<string, string>>;

export type OutboundAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: AnswerHeaders;
      readonly body: Buffer;
      /** The body ended by itself, as long as it said it would be. */
      readonly complete: boolean;
    }
  | { readonly kind: "failed"; readonly reason: OutboundFailure; readonly detail: string };

/**
 * `forbidden`: the address guard (the detail names CARILLON_ALLOW_CIDRS). `unresolved`: the name. `refused`: no connection.
 * `tls`: certificate or handshake. `timeout`: connect limit or wall clock. `broken`: the peer broke off or spoke no HTTP.
 * `exhausted`: a fault of our own (descriptors, memory, all connections taken, DNS server, no route, a secret that cannot be opened). `aborted`: the signal, or the
 * door was closed.
 */
export type OutboundFailure =
  | "forbidden"
  | "unresolved"
  | "refused"
  | "tls"
  | "timeout"
  | "broken"
  | "exhausted"
  | "aborted";

/**
 * Whether an exchange failed by the hub's doing, so that it counts against nobody. An abort is one too: whoever gave the signal
 * looks at that first, and without it the hub has closed its door too early.
 */
export function isOwnFault(answer: OutboundAnswer | PostAnswer): boolean {
  return answer.kind === "failed" && (answer.reason === "exhausted" || answer.reason === "aborted");
}

/** Policy: the wait after a fault of our own, long enough not to make a shortage worse. */
export const ownFaultPauseMs = 60_000;

/** The door to the network for all but deliveries (poster.ts). Never follows redirects, never rejects: what a peer does is data. */
export interface Outbound extends AsyncDisposable {
  exchange(request: OutboundRequest): Promise<OutboundAnswer>;
}

/** What came of a POST, in values that can cross threads. */
export type PostAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: "failed"; readonly reason: OutboundFailure; readonly detail: string };

export type PostRequest = {
  /** As in OutboundRequest. */
  readonly url: string;
  /** Header lines as `headerLines` makes them. */
  readonly headers: string;
  /** Sent with Content-Length, and read as it is sent: never copied as a whole. */
  readonly body: Buffer;
  /** What has gone by of its wall clock already. */
  readonly elapsedMs?: number;
};

/**
 * Never rejects: what a peer does is data. Nothing is sent once its wall clock is over, however long the process stood still in
 * between. Disposing ends what is on its way as `aborted`, and so what comes later.
 */
export interface Poster extends AsyncDisposable {
  post(request: PostRequest): Promise<PostAnswer>;
}

/** From the start (name resolution included) to the status line (DESIGN 6). */
export const postWallClockMs = 15_000;

/** No turn of the event loop is as long. */
const mostLateMs = 1000;

/**
 * What is answered where nothing came within a limit. Policy: if the hub itself notices so much too late, because its process was
 * stopped or had no processor, that is a fault of its own: the answer may have been there all the time.
 */
export function overLimit(told: string, lateMs: number): Extract<PostAnswer, { kind: "failed" }> {
  if (lateMs <= mostLateMs) return { kind: "failed", reason: "timeout", detail: told };
  return {
    kind: "failed",
    reason: "exhausted",
    detail: `the hub itself stood still for ${Math.round(lateMs / 1000)} s`,
  };
}
