import { readFlags } from "../config/gather.ts";

export type Taken = {
  readonly isGiven: boolean;
  /** Absent where it has no value. */
  readonly text: string | undefined;
  readonly rest: readonly string[];
};

/** Takes a flag of a command's own out of words that are settings otherwise. */
export function takeFlag(argv: readonly string[], flag: string): Taken {
  const read = readFlags(argv);
  const given = read.find(({ word }) => word === flag);
  const rest = read.flatMap(({ word, text }) => {
    if (word === flag) return [];
    return text === undefined ? [word] : [`${word}=${text}`];
  });
  return { isGiven: given !== undefined, text: given?.text, rest };
}
