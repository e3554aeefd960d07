/** The bounds of a lease as far as they are set. */
export type LeaseSettings = {
  readonly leaseMinSeconds?: number | undefined;
  readonly leaseDefaultSeconds?: number | undefined;
  readonly leaseMaxSeconds?: number | undefined;
};

export type LeaseBounds = {
  readonly leaseMinSeconds: number;
  readonly leaseDefaultSeconds: number;
  readonly leaseMaxSeconds: number;
};

export const usualLease: LeaseBounds = {
  leaseMinSeconds: 300,
  leaseDefaultSeconds: 864_000,
  leaseMaxSeconds: 2_592_000,
};

/**
 * Policy: a bound that is not set gives way to those that are, so that setting one of them is enough.
 * Only bounds that were set can contradict each other, and that is the caller's to refuse.
 */
export function settleLease(set: LeaseSettings): LeaseBounds {
  const given = [set.leaseMinSeconds, set.leaseDefaultSeconds, set.leaseMaxSeconds].filter(
    (bound) => bound !== undefined,
  );
  const leaseMinSeconds = set.leaseMinSeconds ?? Math.min(usualLease.leaseMinSeconds, ...given);
  const leaseMaxSeconds = set.leaseMaxSeconds ?? Math.max(usualLease.leaseMaxSeconds, ...given);
  const usual = Math.min(leaseMaxSeconds, Math.max(leaseMinSeconds, usualLease.leaseDefaultSeconds));
  return { leaseMinSeconds, leaseDefaultSeconds: set.leaseDefaultSeconds ?? usual, leaseMaxSeconds };
}
