/** What a secret belongs to: for any other pair it cannot be opened. */
export type Pair = { readonly topic: string; readonly callback: string };

export type OpenedSecret =
  | { readonly kind: "opened"; readonly secret: string }
  /** It was sealed with a key that is not known here. */
  | { readonly kind: "unknown_key"; readonly keyId: string }
  /** Somebody changed it, or took it from another pair. */
  | { readonly kind: "damaged" };

/**
 * How a secret (§5.1) is kept from the moment it was told until something is signed with it. What is kept is text; to
 * everything in between it is just that.
 */
export type Secrets = {
  /** What is to be kept of it: different each time where it is sealed, as it is where there is no key. */
  readonly seal: (secret: string, pair: Pair) => string;

  /** The secret again, if this was made for this pair. */
  readonly open: (kept: string, pair: Pair) => OpenedSecret;

  /** Whether two kept texts hold the same secret. False when one of them cannot be opened. */
  readonly isSame: (one: string, other: string, pair: Pair) => boolean;
};

/** As far as a store needs to know. */
export type IsSameSecret = Secrets["isSame"];
