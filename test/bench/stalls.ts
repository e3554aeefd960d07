import { readFileSync } from "node:fs";
import process from "node:process";

import { nowMs } from "./now-ms.ts";

const everyMs = 10;

/** The longest that this process's event loop has stood still, less the time in which others had its processor. Linux tells of those. */
export function watchStalls(): { readonly begin: () => void; readonly longestMs: () => number } {
  let [longestMs, lastMs, lastWaitedMs] = [0, nowMs(), waitedMs()];
  setInterval(() => {
    const [now, waited] = [nowMs(), waitedMs()];
    longestMs = Math.max(longestMs, now - lastMs - everyMs - (waited - lastWaitedMs));
    [lastMs, lastWaitedMs] = [now, waited];
  }, everyMs).unref();
  return {
    begin() {
      longestMs = 0;
    },
    longestMs: () => longestMs,
  };
}

/** How long the main thread has been ready to run and did not. */
function waitedMs(): number {
  try {
    return Number(readFileSync(`/proc/${process.pid}/task/${process.pid}/schedstat`, "latin1").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}
