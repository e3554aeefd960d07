import ipaddr from "ipaddr.js";
import { refusePort } from "./blocked-ports.ts";
import { type Address, isInside, parseAddress, parseNetwork } from "../networks.ts";

/** Which hosts the hub talks to. Pure judgement without name resolution; the connector asks again with the addresses dialled. */
export type AddressGuard = {
  /** May this IP address be dialled: a public one, or one that CARILLON_ALLOW_CIDRS opened? False for what is no address. */
  readonly judgeAddress: (address: string) => boolean;

  /**
   * Why `hostname` (as a WHATWG `URL` spells it) is refused, or undefined. A sentence that names CARILLON_ALLOW_CIDRS.
   * While any network is opened, a forbidden name passes here and is decided by `judgeAnswers`.
   */
  readonly judgeHost: (hostname: string) => string | undefined;

  /**
   * Why no connection may be made to `hostname`, which resolved to `addresses`, or undefined. Policy: one bad address
   * condemns the name (mixed answers are how rebinding starts); a forbidden name needs all of them in opened networks.
   */
  readonly judgeAnswers: (hostname: string, addresses: readonly string[]) => string | undefined;

  /** `judgeHost`, the scheme and the port of a parsed URL: what can be said when a request for it is accepted. */
  readonly refuseUrl: (url: URL) => string | undefined;
};

export type GuardOptions = {
  /**
   * The addresses of this machine (own-addresses.ts): refused unless opened, for what it sends to itself passes by the firewall
   * before it. Absent: none.
   */
  readonly ownAddresses?: () => ReadonlySet<string>;
  /** An egress proxy resolves names, so nobody here sees the answers: a forbidden name is then refused whatever is opened. */
  readonly isProxied?: boolean;
};

/**
 * A guard with exceptions for `allowCidrs` (CARILLON_ALLOW_CIDRS). An opened NAT64 or 6to4 network opens only addresses whose
 * embedded IPv4 address would be allowed by itself. Throws a plain Error on what is no network.
 */
export function createAddressGuard(
  allowCidrs: readonly string[],
  { ownAddresses = () => none, isProxied = false }: GuardOptions = {},
): AddressGuard {
  const opened = allowCidrs.map(parseNetwork);
  const decidesNames = opened.length === 0 || isProxied;

  function isOpened(address: Address): boolean {
    if (!isInside(address, opened)) return false;
    const inner = embeddedIpv4(address);
    return inner === undefined || isAllowed(inner);
  }

  function isOwn(address: Address): boolean {
    return ownAddresses().has(address.toString());
  }

  function isAllowed(address: Address): boolean {
    return isOpened(address) || (isPublic(address) && !isOwn(address));
  }

  function judgeAddress(text: string): boolean {
    const address = parseAddress(text);
    return address !== undefined && isAllowed(address);
  }

  function judgeHost(hostname: string): string | undefined {
    const literal = parseAddress(withoutBrackets(hostname));
    if (literal !== undefined)
      return isAllowed(literal) ? undefined : refusal(`address ${hostname}`, faultOf(withoutBrackets(hostname)));
    return decidesNames && isForbiddenName(hostname) ? refusal(`name ${hostname}`) : undefined;
  }

  function judgeAnswers(hostname: string, addresses: readonly string[]): string | undefined {
    const judge = isForbiddenName(hostname) ? isOpenedText : judgeAddress;
    const bad = addresses.find((address) => !judge(address));
    // The sentence keeps the address to itself: a stranger must not read internal DNS through the hub.
    return bad === undefined ? undefined : refusal(`name ${hostname} resolves to an address that`, faultOf(bad));
  }

  function isOpenedText(text: string): boolean {
    const address = parseAddress(text);
    return address !== undefined && isOpened(address);
  }

  /** That a private address is this machine's own is nobody's business. */
  function faultOf(text: string): string {
    const address = parseAddress(text);
    return address !== undefined && isPublic(address) && isOwn(address) ? "is this machine's own" : notPublic;
  }

  function refuseUrl(url: URL): string | undefined {
    if (url.protocol !== "http:" && url.protocol !== "https:")
      return `the scheme ${url.protocol} is neither http: nor https:`;
    return judgeHost(url.hostname) ?? refusePort(url.port);
  }

  return { judgeAddress, judgeHost, judgeAnswers, refuseUrl };
}

const none: ReadonlySet<string> = new Set();
const notPublic = "is not public";

function refusal(subject: string, fault = notPublic): string {
  return `the ${subject} ${fault}; CARILLON_ALLOW_CIDRS opens exceptions`;
}

/** Microsoft's platform address for virtual machines: ipaddr.js calls it unicast, but it is no address on the internet. */
const azurePlatform = "168.63.129.16";

const globalUnicast = parseNetwork("2000::/3");

/** Of IPv6 only 2000::/3 is public at all: the rule also closes spellings that ipaddr.js takes for unicast (::127.0.0.1). */
function isPublic(address: Address): boolean {
  if (address.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 ? address.toString() !== azurePlatform : isInside(address, [globalUnicast]);
}

/** RFC 6052, 8215 and 6145: the last 32 bits. */
const translated = ["64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96"].map(parseNetwork);

/** RFC 3056: the 32 bits after the prefix. */
const sixToFour = parseNetwork("2002::/16");

/** Where a translator would send a packet for `address`. */
function embeddedIpv4(address: Address): ipaddr.IPv4 | undefined {
  if (address instanceof ipaddr.IPv4) return undefined;
  const bytes = address.toByteArray();
  if (isInside(address, translated)) return new ipaddr.IPv4(bytes.slice(12));
  if (isInside(address, [sixToFour])) return new ipaddr.IPv4(bytes.slice(2, 6));
  return undefined;
}

/** Names that mean this machine, this network or a cloud's metadata, whatever a resolver says, or nothing at all on the internet. */
function isForbiddenName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.+$/, "");
  return !name.includes(".") || /(?:^|\.)home\.arpa$/.test(name) || privateSuffix.test(name);
}

const privateSuffix = /\.(?:localhost|local|localdomain|internal|intranet|private|lan|home|corp|test|onion)$/;

function withoutBrackets(hostname: string): string {
  return hostname.startsWith("[") && hostname.endsWith("]") ? hostname.slice(1, -1) : hostname;
}
