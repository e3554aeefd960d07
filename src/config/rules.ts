import { domainToASCII, fileURLToPath } from "node:url";
import ipaddr from "ipaddr.js";
import { z } from "zod";

/** What a setting's text must be, in words; what it becomes. `read` answers undefined to a text that breaks the rule. */
export function rule<T>(words: string, read: (text: string) => T | undefined) {
  return z.string().transform((text, context) => {
    const value = read(text.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `must be ${words}` });
    return z.NEVER;
  });
}

/** A comma list. White space around parts and empty parts mean nothing; every part that breaks the rule is told. */
export function list<T>(words: string, read: (part: string) => T | undefined) {
  return z.string().transform((text, context) => {
    const values: T[] = [];
    for (const part of parts(text)) {
      const value = read(part);
      if (value === undefined) context.addIssue({ code: "custom", message: `"${part}" is not ${words}` });
      else values.push(value);
    }
    return values;
  });
}

/** A comma list of secrets: a part that breaks the rule is told by its place. */
export function secretList<T>(words: string, read: (part: string) => T | undefined) {
  return z.string().transform((text, context) => {
    const values = parts(text).map(read);
    for (const [i, value] of values.entries())
      if (value === undefined) context.addIssue({ code: "custom", message: `number ${i + 1} in the list ${words}` });
    return values.filter((value) => value !== undefined);
  });
}

export function oneOf<const T extends string>(words: readonly T[]) {
  return rule(`one of ${words.join(", ")}`, (text) => words.find((word) => word === text));
}

export function wholeNumber(min: number, max: number) {
  return rule(`a whole number from ${min} to ${max}`, (text) => readWholeNumber(text, min, max));
}

export function readBoolean(text: string): boolean | undefined {
  if (text !== "true" && text !== "false") return undefined;
  return text === "true";
}

export function readWholeNumber(text: string, min: number, max: number): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/** An address or a name to listen on, without brackets and without a port. */
export function readListenHost(text: string): string | undefined {
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(text) || (ipaddr.IPv6.isValid(text) && !text.includes("%"));
  return isAddress || isHostName(text) ? text : undefined;
}

/** An absolute http(s) URL as URL serialises it. */
export function readPublicUrl(text: string): string | undefined {
  const url = readHttpUrl(text);
  return url === undefined || url.href.includes("?") ? undefined : url.href;
}

/** A proxy spoken to in plain HTTP. The user and the password, escaped where URLs want it, are for it alone. */
export function readProxyUrl(text: string): string | undefined {
  if (!/^http:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { href, pathname, search, hash, username, password } = new URL(text);
  const isBare = pathname === "/" && search === "" && hash === "" && !/[?#]/.test(text);
  return isBare && [username, password].every(isDecodable) ? href : undefined;
}

/** Where everything is kept: a SQLite file, or a PostgreSQL server that many nodes share. */
export type DatabaseAddress =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string };

/** Absent unless it is a `file:` or `postgres:` URL. */
export function readDatabaseUrl(text: string): DatabaseAddress | undefined {
  const path = readDatabaseFile(text);
  if (path !== undefined) return { kind: "file", path };
  return isPostgresUrl(text) ? { kind: "postgres", url: text } : undefined;
}

/**
 * Which file a database URL names: `file:` and a path, relative to the working directory or absolute.
 * Policy: never SQLite's `:memory:`, which would break every promise about a 202.
 */
function readDatabaseFile(text: string): string | undefined {
  if (!text.startsWith("file:")) return undefined;
  if (text.startsWith("file://"))
    return URL.canParse(text) && isLocalFile(new URL(text)) ? fileURLToPath(text) : undefined;
  const path = text.slice("file:".length);
  return path === "" || path.startsWith(":") || /[?#]/.test(path) ? undefined : path;
}

/**
 * A network in CIDR notation. Only the plain spellings: no short or octal IPv4, no zone, and no IPv4
 * written as IPv6, which would open less than it seems to.
 */
export function readCidr(text: string): string | undefined {
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) return text;
  if (text.includes("%") || !ipaddr.IPv6.isValidCIDR(text)) return undefined;
  const [network] = ipaddr.IPv6.parseCIDR(text);
  return network.isIPv4MappedAddress() ? undefined : text;
}

/**
 * A URL prefix, serialised by URL (so `https://example.com` ends in a slash and never matches
 * `https://example.com.evil/`), or a host pattern in lower case and ASCII.
 */
export function readPattern(text: string): string | undefined {
  return /^https?:\/\//i.test(text) ? readHttpUrl(text)?.href : readHostPattern(text);
}

/** `example.com` or `*.example.com`. Nothing that ends a host in a URL: domainToASCII would cut it off in silence. */
export function readHostPattern(text: string): string | undefined {
  const wildcard = text.startsWith("*.") ? "*." : "";
  const given = text.slice(wildcard.length);
  const name = /[\s/\\:?#@%[\]]/.test(given) ? "" : domainToASCII(given);
  return isHostName(name) ? wildcard + name : undefined;
}

function readHttpUrl(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const clean = url.username === "" && url.password === "" && !url.href.includes("#");
  return clean ? url : undefined;
}

/** It names a server, or the folder of its socket, and a database; the driver reads it without complaint. */
function isPostgresUrl(text: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text) || text.includes("#")) return false;
  const { host, pathname, searchParams, username, password } = new URL(text);
  const isPlaced = host !== "" || searchParams.has("host");
  return isPlaced && pathname.length > 1 && [pathname, username, password].every(isDecodable);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function isLocalFile(url: URL): boolean {
  return (
    url.host === "" && url.search === "" && url.hash === "" && url.pathname.length > 1 && !/%2f/i.test(url.pathname)
  );
}

function isHostName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(text);
}

function parts(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
