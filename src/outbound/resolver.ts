import { lookup } from "node:dns/promises";

import type { Clock } from "../clock.ts";
import { createDns } from "./dns.ts";
import { failureOf } from "./failure.ts";
import type { Resolve } from "./guarded-lookup.ts";
import { createHostsFile } from "./hosts-file.ts";
import { createNameCache, type Found } from "./name-cache.ts";
import { within } from "./within.ts";

export type ResolverOptions = {
  readonly clock: Clock;
  /**
   * Ask the operating system for names that DNS does not know: search domains, mDNS. It does so in libuv's thread pool, so only
   * for whoever has opened networks of his own.
   */
  readonly asksSystem: boolean;
  /** Absent: /etc/hosts. */
  readonly hostsFile?: string;
  /** `address:port` each. Absent: those of /etc/resolv.conf. */
  readonly servers?: readonly string[];
};

/** The system says nothing of how long its answers hold. */
const systemTtlSeconds = 5;
const systemDeadlineMs = 3_000;

/**
 * The hub's own resolver: the hosts file, then DNS with a cache (name-cache.ts) and a deadline (dns.ts), then, where that is asked
 * for, the system. What it answers is judged at each connection anew, also what it remembers. Rejects with an OutboundError.
 */
export function createResolver({ clock, asksSystem, hostsFile = "/etc/hosts", servers }: ResolverOptions): Resolve {
  const hosts = createHostsFile(hostsFile, clock);
  const dns = createDns(clock, servers);
  const cached = createNameCache(clock, asksSystem ? askSystemToo : dns);

  return async (hostname) => {
    const name = hostname.toLowerCase().replace(/\.$/, "");
    return hosts(name) ?? cached(name);
  };

  async function askSystemToo(name: string): Promise<Found> {
    try {
      return await dns(name);
    } catch (error) {
      const found = failureOf(error).reason === "unresolved" ? await askSystem(clock, name) : [];
      if (found.length === 0) throw error;
      return { addresses: found, ttlSeconds: systemTtlSeconds };
    }
  }
}

async function askSystem(clock: Clock, name: string): Promise<readonly string[]> {
  let addresses: readonly string[] = [];
  const asked = lookup(name, { all: true }).then(
    (found) => void (addresses = found.map(({ address }) => address)),
    () => undefined,
  );
  await within(clock, systemDeadlineMs, asked);
  return addresses;
}
