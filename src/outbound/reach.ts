import type { Clock } from "../clock.ts";
import { type AddressGuard, createAddressGuard } from "./address-guard.ts";
import { createOwnAddresses } from "./own-addresses.ts";

/** Where connections may lead. */
export type Reach = {
  /** CARILLON_ALLOW_CIDRS; what is no network throws a plain Error. */
  readonly allowCidrs: readonly string[];
  /** CARILLON_EGRESS_PROXY. Absent: peers are dialled. Of other proxies, those of the environment, nothing is ever used. */
  readonly egressProxy?: string | undefined;
  readonly clock: Clock;
};

/** The address guard for what goes out this way. */
export function createReachGuard({ allowCidrs, egressProxy, clock }: Reach): AddressGuard {
  return createAddressGuard(allowCidrs, {
    ownAddresses: createOwnAddresses(clock),
    isProxied: egressProxy !== undefined,
  });
}
