import { readFileSync } from "node:fs";

import { nearest } from "./nearest.ts";
import { type SettingKey, shape } from "./schema.ts";
import { type Label, labels } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting's text. `label` is how a fault names it: the variable or the flag. */
export type Given = { readonly label: string; readonly text: string; readonly from: "environment" | "flag" | "file" };

/** What was said, by key, and what was said in vain. */
export type Gathered = { readonly given: ReadonlyMap<SettingKey, Given>; readonly faults: readonly string[] };

/** As it was said; the text of a secret may be the name of its file. */
type Said = { readonly label: Label; readonly text: string; readonly from: "environment" | "flag" };
type Heard = { readonly said: Map<SettingKey, Said>; readonly faults: string[] };

/**
 * Collects environment and flags; a flag wins. Files that hold secrets are read, once, unless something else wins. Values are not
 * judged here.
 */
export function gather(env: Environment, argv: readonly string[]): Gathered {
  const fromEnv = hearEnvironment(env);
  const fromFlags = hearFlags(argv);
  const faults = [...fromEnv.faults, ...fromFlags.faults];
  const given = new Map<SettingKey, Given>();
  for (const [key, said] of new Map([...fromEnv.said, ...fromFlags.said])) {
    const read = said.label.isFile && said.text !== "" ? readSecret(said) : toGiven(said);
    if (typeof read === "string") faults.push(read);
    else given.set(key, read);
  }
  return { given, faults };
}

function toGiven({ label: { label }, text, from }: Said): Given {
  return { label, text, from };
}

/** What the file holds, less one line end; or why not. */
function readSecret({ label: { label, setting }, text: path }: Said): Given | string {
  try {
    const text = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    return text === "" ? `${label} is "${path}": the file is empty` : { label, text, from: "file" };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    // It may be the secret itself.
    const told = shape[setting.key].safeParse(path).success ? "***" : path;
    return `${label} is "${told}": the file cannot be read (${code})`;
  }
}

function hearEnvironment(env: Environment): Heard {
  const heard: Heard = { said: new Map(), faults: [] };
  for (const [name, text] of Object.entries(env)) {
    if (!isOurs(name) || !text) continue;
    const label = labels.name.find((known) => known.label === name);
    if (label === undefined) heard.faults.push(unknown(name, "name"));
    else hear(heard, { label, text, from: "environment" });
  }
  return heard;
}

// CARILLON_TEST_* belongs to whatever tests the hub.
function isOurs(name: string): boolean {
  return name.startsWith("CARILLON_") && !name.startsWith("CARILLON_TEST_");
}

function hearFlags(argv: readonly string[]): Heard {
  const heard: Heard = { said: new Map(), faults: [] };
  for (const { word, text } of readFlags(argv)) {
    const label = labels.flag.find((known) => known.label === word);
    if (!word.startsWith("--")) heard.faults.push(strayWord(argv.indexOf(word) + 1));
    else if (label === undefined) heard.faults.push(unknown(word, "flag"));
    else if (text === undefined) heard.faults.push(`${word} needs a value`);
    else hear(heard, { label, text, from: "flag" });
  }
  return heard;
}

function hear({ said, faults }: Heard, now: Said): void {
  const { key } = now.label.setting;
  const before = said.get(key)?.label.label;
  if (before === undefined) said.set(key, now);
  else if (before === now.label.label) faults.push(`${before} is given more than once`);
  else faults.push(`${before} and ${now.label.label} are both given: give one of them`);
}

/** `--name value` and `--name=value`; a word that is neither comes back as it is. */
export function readFlags(argv: readonly string[]): { word: string; text: string | undefined }[] {
  const flags: { word: string; text: string | undefined }[] = [];
  const words = [...argv];
  for (let next = words.shift(); next !== undefined; next = words.shift()) {
    const [, word = next, inline] = /^(--[^=]*)=(.*)$/s.exec(next) ?? [];
    const takesNext = inline === undefined && word.startsWith("--") && words[0]?.startsWith("--") === false;
    flags.push({ word, text: takesNext ? words.shift() : inline });
  }
  return flags;
}

/** It is not shown: it may be a secret that lost its name. */
function strayWord(place: number): string {
  return `argument ${place} is not expected here: a setting is given as --name value`;
}

function unknown(label: string, as: "name" | "flag"): string {
  const known = labels[as].map((one) => one.label);
  return `${label} is not a setting: did you mean ${nearest(label, known)}?`;
}
