import { SettingsError } from "../config.ts";
import { readFlags } from "../config/gather.ts";

/**
 * Splits the words after a command: the file it is about, those of its own flags that are given, and the settings. Throws
 * SettingsError when there is not just one file.
 */
export function readFileWord(
  command: string,
  argv: readonly string[],
  known: readonly string[],
): { readonly file: string; readonly flags: ReadonlySet<string>; readonly settings: readonly string[] } {
  const { words, flags, settings } = splitFlags(argv, known);
  const [file, ...more] = words;
  if (file === undefined || file === "") throw new SettingsError([`carillon ${command} needs a FILE`]);
  if (more.length > 0) throw new SettingsError([`"${more.join(" ")}" is not expected after ${file}: one FILE is`]);
  return { file, flags, settings };
}

/** Flags of the command take no value, wherever they stand; its words are those that no setting takes for its value. */
export function splitFlags(
  argv: readonly string[],
  known: readonly string[],
): { readonly words: readonly string[]; readonly flags: ReadonlySet<string>; readonly settings: readonly string[] } {
  const flags = new Set(argv.filter((word) => known.includes(word)));
  const read = readFlags(argv.filter((word) => !flags.has(word)));
  const isWord = ({ word }: { readonly word: string }) => !word.startsWith("--");
  const settings = read.filter((one) => !isWord(one));
  return {
    words: read.filter(isWord).map(({ word }) => word),
    flags,
    settings: settings.map(({ word, text }) => (text === undefined ? word : `${word}=${text}`)),
  };
}
