import { bareHost } from "./url-pattern.ts";

/** Scheme, host and port of an absolute http(s) URL, as the URL standard spells them: what deliveries are counted by. */
export function originOf(url: string): string {
  return new URL(url).origin;
}

/**
 * The host of an absolute http(s) URL: what limits are counted by that keep one machine from being asked too much, whatever
 * the port. A final dot means nothing, and an IPv6 address counts with its whole /64, which is one machine's to choose from.
 */
export function hostOf(url: string): string {
  const host = bareHost(new URL(url).hostname);
  return host.startsWith("[") ? networkOf(host.slice(1, -1)) : host;
}

/** The /64 of an IPv6 address as the URL standard spells it. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("::");
  const first = head.split(":").filter((group) => group !== "");
  const last = tail === undefined ? [] : tail.split(":").filter((group) => group !== "");
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill("0");
  return `${[...first, ...zeros, ...last].slice(0, 4).join(":")}::/64`;
}
