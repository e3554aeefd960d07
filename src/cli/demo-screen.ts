/** Tells one step: who did what, and the particulars. */
export type Tell = (who: "hub" | "shop" | "warehouse", what: string, detail: string) => void;

/** One aligned line per step. */
export function createScreen(print: (line: string) => void): Tell {
  return (who, what, detail) => print(`${who.padEnd(11)}${what.padEnd(24)}${detail}`);
}
