import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";

import type { Clock } from "../clock.ts";

/** A file that has changed is noticed so late at most. */
const lookAfterMs = 5_000;

/**
 * What the operator's hosts file (hosts(5)) says of a name, undefined where it says nothing. Read anew when it has changed; one that
 * is not there says nothing. Blocks for as long as it takes to read: of the thread pool nothing is used.
 */
export function createHostsFile(file: string, clock: Clock): (name: string) => readonly string[] | undefined {
  let lookedAtMs = -Infinity;
  let seen = "";
  let hosts: ReadonlyMap<string, readonly string[]> = new Map();

  function look(): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - lookedAtMs < lookAfterMs) return;
    lookedAtMs = nowMs;
    const stamp = stampOf(file);
    if (stamp === seen) return;
    seen = stamp;
    hosts = readHosts(readIfThere(file));
  }

  return (name) => {
    look();
    return hosts.get(name);
  };
}

function stampOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? "" : `${stats.mtimeMs} ${stats.size} ${stats.ino}`;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function readHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) hosts.set(name.toLowerCase(), [...(hosts.get(name.toLowerCase()) ?? []), address]);
  }
  return hosts;
}
