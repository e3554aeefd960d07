import { nearest } from "./nearest.ts";
import type { SettingKey } from "./schema.ts";
import { settings } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting's text. `label` is how a fault names it: the variable or the flag. */
export type Given = { readonly label: string; readonly text: string; readonly from: "environment" | "flag" };

/** What was said, by key, and what was said in vain. */
export type Gathered = { readonly given: ReadonlyMap<SettingKey, Given>; readonly faults: readonly string[] };

/** Collects environment and flags; a flag wins. Values are not judged here. */
export function gather(env: Environment, argv: readonly string[]): Gathered {
  const fromEnv = gatherEnvironment(env);
  const fromFlags = gatherFlags(argv);
  return {
    given: new Map([...fromEnv.given, ...fromFlags.given]),
    faults: [...fromEnv.faults, ...fromFlags.faults],
  };
}

function gatherEnvironment(env: Environment): Gathered {
  const given = new Map<SettingKey, Given>();
  const faults: string[] = [];
  for (const [label, text] of Object.entries(env)) {
    if (!isOurs(label) || !text) continue;
    const setting = settings.find(({ name }) => name === label);
    if (setting === undefined) faults.push(unknown(label, "name"));
    else given.set(setting.key, { label, text, from: "environment" });
  }
  return { given, faults };
}

// CARILLON_TEST_* belongs to whatever tests the hub.
function isOurs(name: string): boolean {
  return name.startsWith("CARILLON_") && !name.startsWith("CARILLON_TEST_");
}

function gatherFlags(argv: readonly string[]): Gathered {
  const given = new Map<SettingKey, Given>();
  const faults: string[] = [];
  for (const { label, text } of readFlags(argv)) {
    const setting = settings.find(({ flag }) => flag === label);
    if (!label.startsWith("--")) faults.push(`"${label}" is not expected here: a setting is given as --name value`);
    else if (setting === undefined) faults.push(unknown(label, "flag"));
    else if (text === undefined) faults.push(`${label} needs a value`);
    else if (given.has(setting.key)) faults.push(`${label} is given more than once`);
    else given.set(setting.key, { label, text, from: "flag" });
  }
  return { given, faults };
}

/** `--name value` and `--name=value`; a word that is neither comes back as its own label. */
export function readFlags(argv: readonly string[]): { label: string; text: string | undefined }[] {
  const flags: { label: string; text: string | undefined }[] = [];
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, label = word, inline] = /^(--[^=]*)=(.*)$/s.exec(word) ?? [];
    const takesNext = inline === undefined && label.startsWith("--") && words[0]?.startsWith("--") === false;
    flags.push({ label, text: takesNext ? words.shift() : inline });
  }
  return flags;
}

function unknown(label: string, as: "name" | "flag"): string {
  const known = settings.map((setting) => setting[as]);
  return `${label} is not a setting: did you mean ${nearest(label, known)}?`;
}
