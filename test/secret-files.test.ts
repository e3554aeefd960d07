import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { explainConfig, loadConfig, SettingsError } from "../src/config.ts";
import { describeSettings, settings } from "../src/config/settings.ts";

const folder = mkdtempSync(join(tmpdir(), "carillon-secrets-"));
const url = "postgres://hub:hidden@db.example/hub";
const token = "hidden-".repeat(5);

afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}

function faultsOf(env: Record<string, string>, argv: readonly string[] = []): readonly string[] {
  try {
    loadConfig(env, argv);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

test.each(["", "\n", "\r\n"])("a secret comes from a file, less one line end (%j)", (end) => {
  const file = write("url", `${url}${end}`);
  const database = { kind: "postgres", url };
  expect(loadConfig({ CARILLON_DATABASE_URL_FILE: file }, []).database).toEqual(database);
  expect(loadConfig({}, [`--database-url-file=${file}`]).database).toEqual(database);
  expect(loadConfig({ CARILLON_ADMIN_TOKEN_FILE: write("token", `${token}${end}`) }, []).adminToken).toBe(token);
});

test("a flag wins over the environment, whichever of them names a file; what does not win is not read", () => {
  const file = write("url", url);
  const chosen = (env: Record<string, string>, argv: string[]) => loadConfig(env, argv).database;
  const own = { kind: "file", path: "a.db" };
  expect(chosen({ CARILLON_DATABASE_URL_FILE: join(folder, "none") }, ["--database-url=file:a.db"])).toEqual(own);
  expect(chosen({ CARILLON_DATABASE_URL: "file:a.db" }, [`--database-url-file=${file}`])).toEqual({
    kind: "postgres",
    url,
  });
  expect(chosen({ CARILLON_DATABASE_URL_FILE: "", CARILLON_DATABASE_URL: "file:a.db" }, [])).toEqual(own);
});

test("both given, no file, an empty one and one that breaks the rule are told by the names that were used, and no secret is", () => {
  const none = join(folder, "none");
  const env = {
    CARILLON_DATABASE_URL: "file:a.db",
    CARILLON_DATABASE_URL_FILE: none,
    CARILLON_ADMIN_TOKEN_FILE: write("token", "hidden"),
  };
  expect(faultsOf(env)).toEqual([
    "CARILLON_DATABASE_URL and CARILLON_DATABASE_URL_FILE are both given: give one of them",
    `CARILLON_ADMIN_TOKEN_FILE is "***": must be at least 32 characters without white space`,
  ]);
  expect(faultsOf({}, ["--database-url=file:a.db", `--database-url-file=${none}`])).toEqual([
    "--database-url and --database-url-file are both given: give one of them",
  ]);
  const empty = write("empty", "\n");
  expect(faultsOf({ CARILLON_DATABASE_URL_FILE: none, CARILLON_ADMIN_TOKEN_FILE: empty })).toEqual([
    `CARILLON_DATABASE_URL_FILE is "${none}": the file cannot be read (ENOENT)`,
    `CARILLON_ADMIN_TOKEN_FILE is "${empty}": the file is empty`,
  ]);
  expect(faultsOf({ CARILLON_ADMIN_TOKEN_FILE: folder })[0]).toContain("cannot be read (EISDIR)");
  const wrong = write("url", "mysql://hub:hidden@db.example/hub");
  expect(faultsOf({ CARILLON_DATABASE_URL_FILE: wrong })[0]).toMatch(
    /^CARILLON_DATABASE_URL_FILE is "mysql:\/\/hub:\*\*\*@db.example\/hub": must be file: and a path/,
  );
});

test("a setting that is no secret has no such twin; a misspelt one is told its name", () => {
  expect(faultsOf({ CARILLON_HOST_FILE: "a", CARILLON_DATABASE_FILE: "a" })).toEqual([
    "CARILLON_HOST_FILE is not a setting: did you mean CARILLON_HOST?",
    "CARILLON_DATABASE_FILE is not a setting: did you mean CARILLON_DATABASE_URL?",
  ]);
  expect(faultsOf({ CARILLON_DATABASE_URL_FIEL: "a" })[0]).toContain("did you mean CARILLON_DATABASE_URL_FILE?");
});

test("carillon config and --help know of the files, and show no secret", () => {
  const rows = explainConfig(
    { CARILLON_DATABASE_URL_FILE: write("url", url), CARILLON_ADMIN_TOKEN_FILE: write("token", token) },
    [],
  );
  expect(rows).toContainEqual({
    name: "CARILLON_DATABASE_URL",
    text: "postgres://hub:***@db.example/hub",
    from: "file",
  });
  expect(rows).toContainEqual({ name: "CARILLON_ADMIN_TOKEN", text: "***", from: "file" });
  const secrets = settings.filter(({ secret }) => secret !== undefined).map(({ name }) => name);
  expect(secrets).toEqual([
    "CARILLON_DATABASE_URL",
    "CARILLON_ADMIN_TOKEN",
    "CARILLON_EGRESS_PROXY",
    "CARILLON_SECRET_KEY",
  ]);
  for (const name of secrets) expect(describeSettings()).toContain(`. ${name}_FILE names a file that holds it\n`);
});
