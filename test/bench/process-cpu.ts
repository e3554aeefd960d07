import { readdir, readFile } from "node:fs/promises";

/** Linux counts in hundredths of a second, whatever its clock does. */
const tickMs = 10;

type Stat = { readonly parent: number; readonly ownMs: number; readonly reapedMs: number };

/** What another process has used of processors since it began, all its threads together, to 10 ms. Linux tells. */
export async function cpuMsOf(pid: number): Promise<number> {
  return (await readStat(pid))?.ownMs ?? Number.NaN;
}

/** The same together with its children, those that have ended included. */
export async function cpuMsWithChildren(pid: number): Promise<number> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const stats = await Promise.all(pids.map(readStat));
  const children = stats.filter((stat) => stat?.parent === pid);
  const own = await readStat(pid);
  return children.reduce((sum, stat) => sum + (stat?.ownMs ?? 0), (own?.ownMs ?? Number.NaN) + (own?.reapedMs ?? 0));
}

/** Absent: there is no such process any more. */
async function readStat(pid: number): Promise<Stat | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field is a name in brackets, of any characters.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [user = 0, system = 0, reapedUser = 0, reapedSystem = 0] = fields.slice(11, 15);
  return { parent: fields[1] ?? 0, ownMs: (user + system) * tickMs, reapedMs: (reapedUser + reapedSystem) * tickMs };
}
