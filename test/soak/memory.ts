import { readFile } from "node:fs/promises";

export type Sample = { readonly minutes: number; readonly mb: number };

/** What a process has resident, in MB of a million bytes. Linux tells; elsewhere undefined. */
export async function residentMb(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const found = /VmRSS:\s*(\d+) kB/.exec(status)?.[1];
  return found === undefined ? undefined : (Number(found) * 1024) / 1e6;
}

/** MB a minute, by least squares, after the first third. Undefined: there are too few to tell. */
export function slopeOf(samples: readonly Sample[]): number | undefined {
  const later = samples.slice(Math.ceil(samples.length / 3));
  if (later.length < 5) return undefined;
  const mean = (of: (one: Sample) => number) => later.reduce((sum, one) => sum + of(one), 0) / later.length;
  const [minutes, mb] = [mean((one) => one.minutes), mean((one) => one.mb)];
  const spread = mean((one) => (one.minutes - minutes) ** 2);
  return spread === 0 ? undefined : mean((one) => (one.minutes - minutes) * (one.mb - mb)) / spread;
}
