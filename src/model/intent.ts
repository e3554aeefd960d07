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
  readonly secret: string | undefined;
  readonly leaseSeconds: number;
  readonly verifyToken: string | undefined;
  readonly signatureMethod: SignatureMethod | undefined;
};

/** An intent this process has claimed. `token` is what the settling write must match. */
export type IntentClaim = NewIntent & {
  readonly id: number;
  readonly token: string;
  /** When it was accepted. */
  readonly createdAt: Date;
  /** Tries made before this one that count. */
  readonly attempts: number;
  /** Set when the request was denied (§5.2) and the callback has yet to be told. */
  readonly denial: string | undefined;
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
