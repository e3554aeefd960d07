import type { SignatureMethod } from "./signature-method.ts";

/** A verified (topic, callback) pair. */
export type Subscription = {
  readonly id: number;
  readonly topic: string;
  readonly callback: string;
  /** As it is kept (secret.ts). */
  readonly secret: string | undefined;
  readonly signatureMethod: SignatureMethod | undefined;
  /** When the verification request of the lease in force was sent (§5.3). */
  readonly verifiedAt: Date;
  readonly expiresAt: Date;
  /** Number of the first publication it is owed. */
  readonly firstSeq: number;
};

/** As much of a subscription as a delivery needs. */
export type Recipient = {
  readonly subscriptionId: number;
  readonly callback: string;
  /** As it is kept (secret.ts): opened only where it signs. */
  readonly secret: string | undefined;
  readonly signatureMethod: SignatureMethod | undefined;
  /** Counts renewals, so that what an attempt learnt never touches a state it did not know. */
  readonly generation: number;
};
