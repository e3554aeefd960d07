import type { Bar, Figure } from "./figure.ts";

/** One thing that is measured. It cleans up after itself, also when it throws. */
export type Row = {
  readonly name: string;
  readonly what: string;
  /** What its figures are held to, where they do not say otherwise. */
  readonly bar: Bar | undefined;
  readonly run: (knobs: Knobs) => Promise<Measurement>;
};

export type Knobs = {
  /** Both sides of a ratio are measured in each of them. */
  readonly rounds: number;
  /** Sizes as the design has them, however long that takes. */
  readonly full: boolean;
  /** Says how far it has come. */
  readonly tell: (progress: string) => void;
};

export type Measurement = {
  readonly figures: readonly Figure[];
  /** For results.json: whatever explains the figures. */
  readonly details: unknown;
};
