import { type Figure, isMet } from "./figure.ts";
import type { Measurement, Row } from "./row.ts";

export type Measured = Measurement & { readonly row: Row };

const head = ["", "ours", "reference", "ratio", "noise", "bar", "met"];

/** Each row by name, and its figures below it, a line each. */
export function formatTable(measured: readonly Measured[]): string {
  const rows = measured.map(({ row, figures }) => ({ row, lines: figures.map((one) => toCells(row, one)) }));
  const all = [head, ...rows.flatMap(({ lines }) => lines)];
  const widths = head.map((_, i) => Math.max(...all.map((cells) => cells[i]?.length ?? 0)));
  const format = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  return [format(head), ...rows.flatMap(({ row, lines }) => [`${row.name}: ${row.what}`, ...lines.map(format)])].join(
    "\n",
  );
}

/** The bar that holds for a figure: its own, or its row's. */
export function barOf(row: Row, one: Figure): Figure["bar"] {
  return "bar" in one ? one.bar : row.bar;
}

function toCells(row: Row, one: Figure): readonly string[] {
  const bar = barOf(row, one);
  return [
    `  ${one.what}`,
    `${short(one.ours)} ${one.unit}`,
    `${short(one.reference)} ${one.unit}`,
    one.ratio.toFixed(2),
    one.noise === undefined ? "" : one.noise.toFixed(2),
    bar === undefined ? "" : "atMost" in bar ? `<= ${bar.atMost}` : `>= ${bar.atLeast}`,
    bar === undefined ? "" : isMet(one.ratio, bar) ? "yes" : "NO",
  ];
}

function short(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
