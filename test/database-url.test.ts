import { expect, test } from "vitest";

import { explainConfig, loadConfig, SettingsError } from "../src/config.ts";

function faultOf(text: string): string | undefined {
  try {
    loadConfig({ CARILLON_DATABASE_URL: text }, []);
  } catch (error) {
    if (error instanceof SettingsError && error.faults.length === 1) return error.faults[0];
    throw error;
  }
  return undefined;
}

test.each([
  { text: "postgres://hub:hidden@db.example/hub", shown: "postgres://hub:***@db.example/hub" },
  {
    text: "postgres://hub:hidden@db.example/hub?sslmode=require",
    shown: "postgres://hub:***@db.example/hub?sslmode=require",
  },
  {
    text: "postgres://db.example/hub?user=hub&password=hidden",
    shown: "postgres://db.example/hub?user=hub&password=***",
  },
  { text: "postgres://hub@db.example/hub", shown: "postgres://hub@db.example/hub" },
  { text: "file:data/a@b.db", shown: "file:data/a@b.db" },
])("carillon config shows a database URL without its password: $text", ({ text, shown }) => {
  const rows = explainConfig({ CARILLON_DATABASE_URL: text }, []);
  expect(rows).toContainEqual({ name: "CARILLON_DATABASE_URL", text: shown, from: "environment" });
});

test.each([
  "postgres://hub:hid/hidden@db.example/hub",
  "postgres://hub:hid#hidden@db.example/hub",
  "postgres://hub:hid@hidden@db.example/hub#",
  "postgres://hub:%hidden@db.example/hub",
  "postgres://:hidden@db.example",
  "postgres:hub:hidden@db.example/hub",
  "postgres//hub:hidden@db.example/hub",
  "//hub:hidden@ db.example/hub",
  "mysql://hub:hidden@db.example/hub",
  "host=db user=hub password=hidden",
  "postgres@//hub:hidden@db.example/hub",
])("a database URL that is refused is told without its password: %s", (text) => {
  const fault = faultOf(text);
  expect(fault).toMatch(/^CARILLON_DATABASE_URL is ".*\*\*\*.*": must be file: and a path/);
  expect(fault).not.toContain("hid");
});
