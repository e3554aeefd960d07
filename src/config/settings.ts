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
};

export const settings: readonly Setting[] = settingKeys.map((key) => ({
  key,
  name: `CARILLON_${split(key, "_").toUpperCase()}`,
  flag: `--${split(key, "-").toLowerCase()}`,
  fallback: fallbackOf(key),
  meaning: shape[key].meta()?.description ?? "",
}));

/** `carillon serve --help`, the part about settings. */
export function describeSettings(): string {
  const entries = settings.map(({ flag, fallback, meaning }) => {
    return `  ${flag}  ${fallback === "" ? "(empty)" : `(${fallback})`}\n      ${meaning}`;
  });
  return `${entries.join("\n")}\n\nEvery flag is also an environment variable: --port is CARILLON_PORT. A flag wins; an empty value means unset.`;
}

function fallbackOf(key: SettingKey): string {
  const field = shape[key];
  const shown = field.meta()?.["shown"] ?? ("defaultValue" in field.def ? field.def.defaultValue : undefined);
  return typeof shown === "string" ? shown : "";
}

function split(key: string, separator: string): string {
  return key.replace(/[A-Z]/g, (capital) => separator + capital);
}
