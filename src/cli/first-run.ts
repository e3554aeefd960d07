import type { AdminToken } from "../admin-token.ts";
import type { Config } from "../config.ts";
import { hidePassword } from "../config/hide-password.ts";
import { tellDatabase } from "../config/tell-database.ts";

export type Started = {
  readonly version: string;
  readonly url: string;
  readonly listening: { readonly host: string; readonly port: number };
  readonly admin: { readonly token: AdminToken; readonly port: number };
  /** There is a database file, and it did not exist before. */
  readonly isNew: boolean;
};

/** What `serve` tells once the hub runs: where it is, what to put into a feed, how to try it, what is risky. */
export function describeStart(config: Config, { version, url, listening, admin, isNew }: Started): readonly string[] {
  const href = url.replaceAll("&", "&amp;");
  const reach = config.publicUrl === undefined ? "   only this machine: set CARILLON_PUBLIC_URL to go live" : "";
  return [
    `Carillon ${version} is running; Ctrl-C stops it`,
    "",
    `hub        ${url}${reach}`,
    `listening  ${listening.host} port ${listening.port}`,
    `data       ${tellDatabase(config.database)}${isNew ? " (new)" : ""}`,
    ...describeAdmin(listening, admin),
    `advertise  <link rel="hub" href="${href}"/>`,
    `           <link rel="self" href="FEED URL"/>`,
    `ping       curl -i -d hub.mode=publish --data-urlencode hub.url=FEED_URL ${url}`,
    ...describeReach(config.allowCidrs),
    ...describeProxy(config.egressProxy),
    "",
  ];
}

/** The token is shown when it was made, and never again. */
function describeAdmin(
  { host, port }: Started["listening"],
  { token, port: adminPort }: Started["admin"],
): readonly string[] {
  const at = adminPort === port ? [] : [`admin      ${host} port ${adminPort}`];
  if (!token.isNew) return at;
  return [...at, `token      ${token.value}   opens the admin surface; kept in ${token.file}, shown only now`];
}

function describeReach(allowCidrs: readonly string[]): readonly string[] {
  if (allowCidrs.length > 0) {
    return [`warning    CARILLON_ALLOW_CIDRS is set: topics and callbacks may live in ${allowCidrs.join(", ")}`];
  }
  return [
    "local try  feeds and callbacks on this machine are refused, unless you set",
    "           CARILLON_ALLOW_CIDRS=127.0.0.0/8,::1/128",
  ];
}

function describeProxy(egressProxy: string | undefined): readonly string[] {
  if (egressProxy === undefined) return [];
  return [
    `warning    CARILLON_EGRESS_PROXY is set: ${hidePassword(egressProxy)} must keep the hub off private networks`,
  ];
}
