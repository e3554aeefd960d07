/** Bounds on the leases this hub grants, in whole seconds. Invariant: min <= fallback <= max. */
export type LeasePolicy = { readonly min: number; readonly max: number; readonly fallback: number };

/**
 * The lease to offer for `hub.lease_seconds`; the hub may overrule the subscriber (§5.1).
 * Only a length: it starts to run when the verification request is sent (§5.3), not now.
 */
export function grantLease(requested: number | undefined, policy: LeasePolicy): number {
  if (requested === undefined) return policy.fallback;
  return Math.min(policy.max, Math.max(policy.min, requested));
}
