/** What a process has used since its measurement began. */
export type Use = { readonly cpuMs: number; readonly wallMs: number };

export type Meter = { readonly begin: () => void; readonly read: () => Use };

/** Measures the process it is called in, all its threads together. */
export function createMeter(): Meter {
  let before = process.cpuUsage();
  let startedMs = performance.now();
  return {
    /** Garbage is not collected first: after a forced collection V8 runs for a while as if it had little memory. */
    begin() {
      before = process.cpuUsage();
      startedMs = performance.now();
    },
    read() {
      const { user, system } = process.cpuUsage(before);
      return { cpuMs: (user + system) / 1000, wallMs: performance.now() - startedMs };
    },
  };
}

/** The share of one processor, in percent. */
export function busyShare({ cpuMs, wallMs }: Use): number {
  return (100 * cpuMs) / wallMs;
}
