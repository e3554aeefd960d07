import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

export type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type Network = readonly [base: Address, prefixLength: number];

/**
 * The address that `text` spells canonically, a mapped IPv4 (::ffff:a.b.c.d) unwrapped, without the zone (fe80::1%eth0).
 * Undefined for anything else: ipaddr.js by itself also takes octal, hex and short spellings, and throws at some zones.
 */
export function parseAddress(text: string): Address | undefined {
  return isIP(text) === 0 ? undefined : ipaddr.process(text.replace(/%.*/, ""));
}

/** Throws a plain Error where `text` is no network in CIDR notation. */
export function parseNetwork(text: string): Network {
  const [address = "", prefixLength = "", ...rest] = text.trim().split("/");
  const version = isIP(address);
  const bits = Number(prefixLength);
  if (version === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefixLength) || bits > (version === 4 ? 32 : 128)) {
    throw new Error(`"${text}" is not a network such as 127.0.0.0/8 or fd00::/8`);
  }
  const base = ipaddr.parse(address);
  if (base instanceof ipaddr.IPv6 && base.isIPv4MappedAddress() && bits >= 96) return [base.toIPv4Address(), bits - 96];
  return [base, bits];
}

export function isInside(address: Address, networks: readonly Network[]): boolean {
  return networks.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits));
}

/** What stands for one client: an IPv4 address, or the /64 of an IPv6 address, for who has one of its addresses has them all. */
export function networkKey(address: Address): string {
  if (address instanceof ipaddr.IPv4) return address.toString();
  const network = address.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(":")}::/64`;
}
