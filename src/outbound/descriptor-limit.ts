import { readFileSync } from "node:fs";
import { report } from "node:process";

/**
 * Most files the process may have open: its soft limit, which Node raises to the hard one at its start. Infinity where there is
 * none, or nobody tells. From `file`, Linux's own account, in a tenth of a millisecond; elsewhere from Node's report, in a few.
 */
export function readDescriptorLimit(file = "/proc/self/limits"): number {
  const soft = softLimitIn(readIfThere(file)) ?? reportedLimit();
  const limit = Number(soft ?? "unlimited");
  return Number.isNaN(limit) ? Infinity : limit;
}

function softLimitIn(limits: string): string | undefined {
  return /^Max open files +(\S+)/m.exec(limits)?.[1];
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Without its part on the network, which would look up the names of peers. */
function reportedLimit(): unknown {
  const reporter: typeof report & { excludeNetwork?: boolean } = report; // @types/node does not know it
  const { excludeNetwork = false } = reporter;
  reporter.excludeNetwork = true;
  const all: { readonly userLimits?: Readonly<Record<string, { readonly soft: unknown }>> } = reporter.getReport();
  reporter.excludeNetwork = excludeNetwork;
  return all.userLimits?.["open_files"]?.soft;
}
