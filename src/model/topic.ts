/**
 * What a subscription is owed when publications come faster than it answers: `latest` skips to the
 * newest, `every` misses nothing.
 */
export type TopicPolicy = "latest" | "every";

/** The links a topic advertises (§4), absolute http(s) URLs serialised by URL; header before body, in document order. */
export type AdvertisedLinks = {
  readonly hubs: readonly string[];
  readonly self: string | undefined;
};

/** What a conditional GET sends back to the publisher, exactly as it came. */
export type Validators = {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
};

/** One version of a topic as the publisher served it. */
export type Content = {
  readonly body: Buffer;
  /** The publisher's Content-Type with its parameters, or application/octet-stream. */
  readonly contentType: string;
  readonly links: AdvertisedLinks;
};

/** A URL the hub knows because somebody is, or was lately, subscribed to it. */
export type Topic = {
  readonly id: number;
  readonly url: string;
  readonly policy: TopicPolicy;
  readonly lastSeq: number;
  readonly subscribers: number;
  readonly fetchDueAt: Date | undefined;
  readonly fetchFailures: number;
  /** Why the last fetch failed; absent after one that did not. */
  readonly fetchError: string | undefined;
};

/** A topic whose fetch this process has claimed. `token` is what every later write must match. */
export type FetchClaim = {
  readonly topicId: number;
  readonly token: string;
  readonly url: string;
  readonly subscribers: number;
  readonly validators: Validators;
  /** Of the content last seen; absent before the first fetch. */
  readonly fingerprint: string | undefined;
  readonly failures: number;
  /** Pings counted when the claim was made: more of them at the end mean one more fetch. */
  readonly pings: number;
};

/** What became of a claimed fetch. */
export type FetchOutcome =
  | {
      readonly kind: "changed";
      readonly content: Content;
      readonly fingerprint: string;
      readonly validators: Validators;
    }
  | { readonly kind: "unchanged"; readonly validators: Validators }
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** In a row, those that count. */
      readonly failures: number;
      readonly retryAt: Date | undefined;
    };
