import type { SignatureMethod } from "./signature-method.ts";

export type Mode = "subscribe" | "unsubscribe";

/** A request to subscribe or unsubscribe that was accepted (§5.1) and awaits verification (§5.3). */
export type NewIntent = {
  readonly mode: Mode;
  /** The topic's identity: the URL normalised. */
  readonly topic: string;
  /** hub.topic exactly as asked; it is what verification and denial echo. */
  readonly topicAsAsked: string;
  /** hub.callback exactly as asked; its identity too. */
  readonly callback: string;
  /** As it is kept (secret.ts). */
  readonly secret: string | undefined;
  readonly leaseSeconds: number;
  readonly verifyToken: string | undefined;
  readonly signatureMethod: SignatureMethod | undefined;
  /** Who asked, as its requests are counted. */
  readonly client: string;
  /** Set when it was denied (§5.2) and the callback has yet to be told. */
  readonly denial?: string | undefined;
};

/** What strangers may have wait, by whom and where it leads, and how many subscriptions one host may have. Infinity: any number. */
export type IntentCaps = Readonly<Record<IntentCap, number>> & {
  /** So many of a client's pending intents may be verified at once; each further one a share of a minute later. */
  readonly perMinute: number;
};

/**
 * `client`: pending intents of one client. `pair`: those among them for one (topic, callback). `host`: pending intents for
 * one callback host. `subscriptions`: subscriptions of one callback host.
 */
export type IntentCap = "client" | "pair" | "host" | "subscriptions";

/** An intent this process has claimed. `token` is what the settling write must match. */
export type IntentClaim = NewIntent & {
  readonly id: number;
  readonly token: string;
  /** When it was accepted, or later if its client had many pending: the first moment it could be verified. */
  readonly startAt: Date;
  /** Tries made before this one that count. */
  readonly attempts: number;
};

/** What the callback made of the verification request (§5.3.1). */
export type VerificationAnswer =
  | { readonly kind: "confirmed" }
  | { readonly kind: "refused"; readonly detail: string }
  | { readonly kind: "unavailable"; readonly detail: string }
  /** A fault of our own, such as no descriptors or no name server: it counts against nobody. */
  | { readonly kind: "hindered"; readonly detail: string };

/**
 * The fate of an intent. `apply` counts the lease from `verifiedAt`, when the verification request was sent (§5.3).
 * `attempts` of a `retry` are the tries that count so far.
 */
export type IntentDecision =
  | { readonly next: "apply"; readonly verifiedAt: Date }
  | { readonly next: "retry"; readonly attempts: number; readonly at: Date }
  | { readonly next: "deny"; readonly reason: string }
  | { readonly next: "drop"; readonly reason: string };
