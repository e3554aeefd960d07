import { networkInterfaces } from "node:os";

import type { Clock } from "../clock.ts";
import { parseAddress } from "../networks.ts";

const freshMs = 60_000;

/** The addresses of this machine's interfaces, as `Address.toString` spells them, looked at again after a minute. */
export function createOwnAddresses(clock: Clock, read = networkInterfaces): () => ReadonlySet<string> {
  let own: ReadonlySet<string> = new Set();
  let readAtMs = -Infinity;

  return () => {
    if (clock.monotonicMs() - readAtMs < freshMs) return own;
    readAtMs = clock.monotonicMs();
    const addresses = Object.values(read()).flatMap((of = []) => of.map(({ address }) => address));
    own = new Set(addresses.map((address) => parseAddress(address)?.toString() ?? address));
    return own;
  };
}
