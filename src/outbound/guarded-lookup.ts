import type { LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import type { AddressGuard } from "./address-guard.ts";
import { nameFailure, OutboundError } from "./failure.ts";

/**
 * All addresses of a name as canonical text, in the order to try them. Rejects as node:dns does (`code` ENOTFOUND, ...), or with an
 * OutboundError.
 */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/**
 * A `lookup` for node:net that resolves once, judges every answer and hands out exactly what was judged: what is dialled has
 * been seen. node:net does not call it for IP literals, so those are judged before. Fails with an `OutboundError`.
 */
export function guardedLookup(guard: AddressGuard, resolve: Resolve): LookupFunction {
  return (hostname, options, reply) => {
    judgedAddresses(hostname, guard, resolve).then(
      (judged) => handOut(judged, options.all === true, reply),
      (error: unknown) => reply(nameFailure(hostname, error), []),
    );
  };
}

function handOut(judged: Judged, all: boolean, reply: Parameters<LookupFunction>[2]): void {
  if (all) reply(null, judged);
  else reply(null, judged[0].address, judged[0].family);
}

type Judged = [LookupAddress, ...LookupAddress[]];

async function judgedAddresses(hostname: string, guard: AddressGuard, resolve: Resolve): Promise<Judged> {
  const addresses = await resolve(hostname);
  const refused = guard.judgeAnswers(hostname, addresses);
  if (refused !== undefined) throw new OutboundError("forbidden", refused);
  const [first, ...rest] = addresses.map((address) => ({ address, family: isIP(address) }));
  if (first === undefined) throw new OutboundError("unresolved", `the name ${hostname} has no address`);
  return [first, ...rest];
}
