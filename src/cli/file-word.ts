import { SettingsError } from "../config.ts";
import { readFlags } from "../config/gather.ts";

export type FileWord = {
  readonly file: string | undefined;
  /** Those of the command's own flags that are given. They take no value, and may stand anywhere. */
  readonly flags: ReadonlySet<string>;
  readonly settings: readonly string[];
};

/** Splits the words after a command that is about one file. Throws SettingsError when more are named. */
export function readFileWord(command: string, argv: readonly string[], known: readonly string[]): FileWord {
  const flags = new Set(argv.filter((word) => known.includes(word)));
  const read = readFlags(argv.filter((word) => !flags.has(word)));
  const [file, ...more] = read.filter(({ word }) => !isFlag(word)).map(({ word }) => word);
  if (more.length > 0) throw new SettingsError([`carillon ${command} takes one FILE: "${more.join(" ")}" is too many`]);
  const settings = read
    .filter(({ word }) => isFlag(word))
    .map(({ word, text }) => (text === undefined ? word : `${word}=${text}`));
  return { file, flags, settings };
}

/** The same for a command that cannot do without. */
export function readNeededFile(
  command: string,
  argv: readonly string[],
  known: readonly string[],
): FileWord & { readonly file: string } {
  const { file, ...rest } = readFileWord(command, argv, known);
  if (!file) throw new SettingsError([`carillon ${command} needs a FILE`]);
  return { ...rest, file };
}

function isFlag(word: string): boolean {
  return word.startsWith("--");
}
