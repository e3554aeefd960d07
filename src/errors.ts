/**
 * Why the hub refused a request or could not do its work.
 *
 * `code` is public (admin API, metric labels): add codes, never rename one. `message` is one sentence
 * for the sender: the field, the value, the rule; it never holds a secret. What a peer answered is not
 * an error but a value of that step's outcome type.
 */
export class HubError extends Error {
  override readonly name = "HubError";
  readonly code: HubErrorCode;

  /** When asking again makes sense, where that is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: HubErrorCode,
    message: string,
    options: ErrorOptions & { readonly retryAfterSeconds?: number } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The store said that it cannot do it now: what was asked for may be asked for again. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof HubError && error.code === "store_unavailable";
}

export type HubErrorCode =
  | "invalid_request"
  | "unauthorized"
  | "not_found"
  | "too_large"
  | "policy_forbidden"
  | "address_forbidden"
  /** One client, or one host, asks for more than its share. */
  | "too_many_requests"
  /** All of them together ask for more than the hub takes in. */
  | "busy"
  | "store_unavailable";
