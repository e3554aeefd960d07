import type { IncomingMessage } from "node:http";

import { quote } from "../model/quote.ts";

/**
 * Why nobody can be sure where this request goes, or where it ends (RFC 9112, 3.2 and 6.3): what a proxy before the hub may read in
 * another way than the hub does. Node itself refuses the rest: two lengths, a length beside chunks, white space before a colon.
 */
export function refuseFraming({ rawHeaders, httpVersion, method }: IncomingMessage): string | undefined {
  const hosts: string[] = [];
  const codings: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") hosts.push(rawHeaders[i + 1] ?? "");
    if (name.length === 17 && name.toLowerCase() === "transfer-encoding") codings.push(rawHeaders[i + 1] ?? "");
  }
  return refuseHosts(hosts, httpVersion) ?? refuseCodings(codings, httpVersion, method);
}

/** What a URL may have before its path; empty where the target has no host. */
const validHost = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-f:.]+\])(?::\d*)?$/i;

function refuseHosts(hosts: readonly string[], httpVersion: string): string | undefined {
  const [host] = hosts;
  if (hosts.length > 1) return `the request has ${hosts.length} Host fields; it must have one`;
  if (host === undefined) return httpVersion === "1.0" ? undefined : "Host is missing; a request must have one";
  return validHost.test(host) ? undefined : `Host ${quote(host)} must be a host, with a port or without`;
}

function refuseCodings(codings: readonly string[], httpVersion: string, method = ""): string | undefined {
  if (codings.length === 0) return undefined;
  const given = codings.join(", ");
  if (given.toLowerCase() !== "chunked") return `Transfer-Encoding ${quote(given)} must be chunked`;
  if (httpVersion === "1.0") return "Transfer-Encoding does not go with HTTP/1.0";
  return method === "POST" ? undefined : `Transfer-Encoding does not go with ${method}: only a POST has a body here`;
}
