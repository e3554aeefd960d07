import { expect, test } from "vitest";

import { explainConfig, loadConfig, SettingsError } from "../../src/config.ts";

function faultsOf(text: string): readonly string[] {
  try {
    loadConfig({ CARILLON_SECRET_KEY: text }, []);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

const key = "a1".repeat(32);
const asBase64 = Buffer.from(key, "hex").toString("base64");

test.each([
  { text: key, keys: [key] },
  { text: key.toUpperCase(), keys: [key] },
  { text: asBase64, keys: [key] },
  { text: `${asBase64.replace("=", "")}, ${"b2".repeat(32)},`, keys: [key, "b2".repeat(32)] },
  { text: Buffer.alloc(32, 0xff).toString("base64url"), keys: ["ff".repeat(32)] },
])("CARILLON_SECRET_KEY holds keys in hex or either base64, in order: $text", ({ text, keys }) => {
  const { secretKeys } = loadConfig({ CARILLON_SECRET_KEY: text }, []);
  expect(secretKeys.map((one) => one.export().toString("hex"))).toEqual(keys);
});

test.each([
  "s3cret",
  key.slice(1),
  `${key}0`,
  asBase64.slice(4),
  `${key},${"s3cret".repeat(8)}`,
  "s3cret,s3cret",
  `${asBase64}=`,
  asBase64.replace("o", "."),
])("a key that is none is refused by its place, and not repeated: %s", (text) => {
  const faults = faultsOf(text);
  const [place, count] = text.includes(key) && text.includes(",") ? [2, 1] : [1, text.split(",").length];
  expect(faults).toHaveLength(count);
  expect(faults[0]).toBe(
    `CARILLON_SECRET_KEY is "***": number ${place} in the list is not 32 random bytes, in base64 (openssl rand -base64 32) or 64 hex digits`,
  );
});

test("carillon config shows that a key is set, not which", () => {
  const rows = explainConfig({ CARILLON_SECRET_KEY: key }, []);
  expect(rows).toContainEqual({ name: "CARILLON_SECRET_KEY", text: "***", from: "environment" });
  expect(JSON.stringify(rows)).not.toContain(key);
  expect(explainConfig({}, [])).toContainEqual({ name: "CARILLON_SECRET_KEY", text: "", from: "default" });
});
