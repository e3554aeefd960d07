import { settingKeys, shape, type SettingKey } from "./schema.ts";

/** How people see a setting. */
export type Setting = {
  readonly key: SettingKey;
  /** The environment variable. */
  readonly name: string;
  readonly flag: string;
  /** As one would write it; empty when the setting is empty unless set. */
  readonly fallback: string;
  readonly meaning: string;
  /** What of it is never shown; absent: it is no secret. */
  readonly secret: "whole" | "password" | undefined;
};

/** A word that gives a setting: its variable or flag, or that of a file which holds it. */
export type Label = { readonly label: string; readonly setting: Setting; readonly isFile: boolean };

export const settings: readonly Setting[] = settingKeys.map((key) => ({
  key,
  name: nameOf(key),
  flag: `--${split(key, "-").toLowerCase()}`,
  fallback: fallbackOf(key),
  meaning: meaningOf(key),
  secret: secretOf(key),
}));

/** All that may be given as variables, or as flags. */
export const labels: Readonly<Record<"name" | "flag", readonly Label[]>> = {
  name: settings.flatMap((setting) => labelsOf(setting, setting.name, "_FILE")),
  flag: settings.flatMap((setting) => labelsOf(setting, setting.flag, "-file")),
};

/** `carillon serve --help`, the part about settings. */
export function describeSettings(): string {
  const entries = settings.map(({ flag, fallback, meaning }) => {
    return `  ${flag}  ${fallback === "" ? "(empty)" : `(${fallback})`}\n      ${meaning}`;
  });
  return `${entries.join("\n")}\n\nEvery flag is also an environment variable: --port is CARILLON_PORT. A flag wins; an empty value means unset.`;
}

function labelsOf(setting: Setting, label: string, suffix: string): readonly Label[] {
  const own = { label, setting, isFile: false };
  return setting.secret === undefined ? [own] : [own, { label: label + suffix, setting, isFile: true }];
}

function nameOf(key: SettingKey): string {
  return `CARILLON_${split(key, "_").toUpperCase()}`;
}

function meaningOf(key: SettingKey): string {
  const described = shape[key].meta()?.description ?? "";
  return secretOf(key) === undefined ? described : `${described}. ${nameOf(key)}_FILE names a file that holds it`;
}

function secretOf(key: SettingKey): Setting["secret"] {
  const secret = shape[key].meta()?.["secret"];
  return secret === "whole" || secret === "password" ? secret : undefined;
}

function fallbackOf(key: SettingKey): string {
  const field = shape[key];
  const shown = field.meta()?.["shown"] ?? ("defaultValue" in field.def ? field.def.defaultValue : undefined);
  return typeof shown === "string" ? shown : "";
}

function split(key: string, separator: string): string {
  return key.replace(/[A-Z]/g, (capital) => separator + capital);
}
