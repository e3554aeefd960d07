import type { OutboundAnswer, OutboundFailure } from "./outbound.ts";

export type Failed = Extract<OutboundAnswer, { kind: "failed" }>;

/** An error inside this layer whose meaning is already known. It never leaves it: `failureOf` turns it into data. */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  readonly reason: OutboundFailure;

  constructor(reason: OutboundFailure, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.reason = reason;
  }
}

/** The answer for an exchange that came to nothing. `detail` is cut to one printable line: peers have a say in it. */
export function failed(reason: OutboundFailure, detail: string): Failed {
  return { kind: "failed", reason, detail: detail.replace(/[^ -~]+/g, " ").slice(0, 200) };
}

/** What an error of node:net or node:tls means. One that is not recognised counts as the peer's doing. */
export function failureOf(error: unknown): Failed {
  if (isIpv6Missing(error)) return failed("refused", "the peer has IPv6 alone, to which the hub has no route");
  return failureByCode(error);
}

function failureByCode(error: unknown): Failed {
  if (error instanceof OutboundError) return failed(error.reason, error.message);
  if (error instanceof AggregateError && error.errors.length > 0) return gravest(error.errors.map(failureByCode));
  const code = errorCode(error);
  const reason = reasonOf(code);
  switch (reason) {
    case "refused":
      return failed(reason, `no connection to the peer (${code})`);
    case "timeout":
      return failed(reason, `the connection timed out (${code})`);
    case "exhausted":
      return failed(reason, `the hub could not open a connection (${code})`);
    case "tls":
      return failed(reason, `TLS failed: ${describeTls(error)}`);
    default:
      return failed(reason, code === "" ? errorMessage(error) : `the exchange broke off (${code})`);
  }
}

/** What a resolver's error means: that the name does not exist, or that we could not ask. */
export function nameFailure(hostname: string, error: unknown): OutboundError {
  if (error instanceof OutboundError) return error;
  const code = errorCode(error);
  return resolverFaults.has(code)
    ? new OutboundError("exhausted", `the hub could not resolve ${hostname} (${code})`, { cause: error })
    : new OutboundError("unresolved", `the name ${hostname} does not resolve (${code || "no address"})`, {
        cause: error,
      });
}

/** `certificate has expired (CERT_HAS_EXPIRED)`, or OpenSSL's reason where there is one. */
export function describeTls(error: unknown): string {
  const reason = error instanceof Error && "reason" in error ? error.reason : undefined;
  const text = typeof reason === "string" && reason !== "" ? reason : errorMessage(error);
  const code = errorCode(error);
  return code === "" ? text : `${text} (${code})`;
}

/** A resolver could not ask, or its name server did not answer the question. */
const resolverFaults: ReadonlySet<string> = new Set(
  [
    "EAI_AGAIN EAI_MEMORY EAI_SYSTEM",
    "EMFILE ENFILE ENOMEM",
    "ECONNREFUSED ETIMEOUT ESERVFAIL EREFUSED ENOTIMP EFORMERR EBADRESP EBADQUERY EFILE EOF ECANCELLED EDESTRUCTION",
  ].flatMap((codes) => codes.split(" ")),
);

const reasons: ReadonlyMap<string, OutboundFailure> = new Map([
  ...asReason("refused", ["ECONNREFUSED", "EHOSTUNREACH", "EHOSTDOWN"]),
  ...asReason("timeout", ["ETIMEDOUT"]),
  ...asReason("exhausted", ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL"]),
  ...asReason("exhausted", ["EAFNOSUPPORT", "EACCES", "EPERM", "EAI_AGAIN"]), // no IPv6 here, or our own firewall
  ...asReason("unresolved", ["ENOTFOUND"]),
]);

function asReason(reason: OutboundFailure, codes: readonly string[]): [string, OutboundFailure][] {
  return codes.map((code) => [code, reason]);
}

function reasonOf(code: string): OutboundFailure {
  return reasons.get(code) ?? (/^(?:ERR_SSL_|ERR_TLS_|EPROTO$)/.test(code) ? "tls" : "broken");
}

/** Several addresses were tried: our own fault is the answer only if it explains all of them (no IPv6 route, say). */
function gravest(failures: readonly Failed[]): Failed {
  const [first = failed("broken", "no address answered"), ...rest] = failures;
  return rest.reduce((worst, next) => (worst.reason === "exhausted" ? next : worst), first);
}

export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/**
 * Policy: that there is no way to a peer because it has IPv6 alone counts against the peer. Most machines of which it is true have
 * no IPv6 at all, and any stranger can name such a peer; no way to IPv4 either is a fault of our own.
 */
function isIpv6Missing(error: unknown): boolean {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.length > 0 && errors.every((one) => noRoute.has(errorCode(one)) && addressOf(one).includes(":"));
}

const noRoute: ReadonlySet<string> = new Set(["ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);

function addressOf(error: unknown): string {
  return error instanceof Error && "address" in error && typeof error.address === "string" ? error.address : "";
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
