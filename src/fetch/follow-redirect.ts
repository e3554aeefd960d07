const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];

/** Where an answer sends the fetch: on to `url`, nowhere (`stay`), or where the hub does not go. */
export type Redirect =
  | { readonly kind: "stay" }
  | { readonly kind: "go"; readonly url: string }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * A topic may move by redirect (§6.1). Only http(s), never from https to http, no userinfo; a
 * relative Location is resolved and its fragment dropped. The address is judged by the outbound port.
 */
export function followRedirect(from: string, status: number, location: string | undefined): Redirect {
  if (!redirectStatuses.includes(status)) return { kind: "stay" };
  const target = location === undefined ? null : URL.parse(location, from);
  if (target === null) return { kind: "refused", reason: `answered ${status} without a usable Location` };
  const fault = faultOf(target, from);
  if (fault !== undefined) return { kind: "refused", reason: `answered ${status} with a Location ${fault}` };
  target.hash = "";
  return { kind: "go", url: target.href };
}

function faultOf(target: URL, from: string): string | undefined {
  if (target.protocol !== "https:" && target.protocol !== "http:") return "that is neither http nor https";
  if (target.username !== "" || target.password !== "") return "that holds a user name or password";
  if (target.protocol === "http:" && URL.parse(from)?.protocol === "https:") return "that leads from https to http";
  return undefined;
}
