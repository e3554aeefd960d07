import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { startProgram } from "./program.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "carillon-serve-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function serve(database: string, ...flags: readonly string[]) {
  return startProgram(["serve", "--port=0", "--database-url", `file:${join(folder, database)}`, ...flags]);
}

test("the built program says where it is and what to do next, answers, and ends by SIGTERM with 0", async () => {
  await using program = serve("first.db");
  await program.line(/CARILLON_ALLOW_CIDRS/);
  const said = program.lines.join("\n");
  const [, url = ""] = /^hub +(http:\/\/localhost:\d+\/)/m.exec(said) ?? [];

  expect(said).toContain("set CARILLON_PUBLIC_URL to go live");
  expect(said).toContain(`${join(folder, "first.db")} (new)`);
  expect(said).toContain(`<link rel="hub" href="${url}"/>`);
  expect(said).toContain(`<link rel="self" href="FEED URL"/>`);
  expect(said).toContain(`curl -i -d hub.mode=publish --data-urlencode hub.url=FEED_URL ${url}`);
  expect(said).toContain("CARILLON_ALLOW_CIDRS=127.0.0.0/8,::1/128");
  expect((await fetch(url)).status).toBe(200);

  program.signal("SIGTERM");
  expect((await program.ended).code).toBe(0);
});

test("a second start keeps the database; opened networks are a warning; SIGINT ends it with 0", async () => {
  await using first = serve("kept.db");
  await first.line(/^data .*\(new\)$/);
  first.signal("SIGINT");
  expect((await first.ended).code).toBe(0);

  await using second = serve("kept.db", "--allow-cidrs=127.0.0.0/8", "--public-url=https://hub.example/");
  expect(await second.line(/^data /)).not.toContain("new");
  expect(await second.line(/^warning /)).toContain("127.0.0.0/8");
  expect(second.lines.join("\n")).toContain(`<link rel="hub" href="https://hub.example/"/>`);
  expect(second.lines.join("\n")).not.toContain("go live");
  second.signal("SIGTERM");
  expect((await second.ended).code).toBe(0);
});

test("wrong settings are all told at once, with the nearest name, and end it with 2", async () => {
  const env = { CARILLON_LEASE_MAX_SECOND: "5", CARILLON_PORT: "eighty", CARILLON_TEST_ANYTHING: "1" };
  await using program = startProgram(["serve", "--topic-polici", "open", "--database-url=pg://x"], env);
  const { code, complaint } = await program.ended;

  expect(code).toBe(2);
  expect(program.lines).toEqual([]);
  expect(complaint).toContain("CARILLON_LEASE_MAX_SECOND is not a setting: did you mean CARILLON_LEASE_MAX_SECONDS?");
  expect(complaint).toContain("--topic-polici is not a setting: did you mean --topic-policy?");
  expect(complaint).toContain(`CARILLON_PORT is "eighty": must be a whole number from 0 to 65535`);
  expect(complaint).toContain(`--database-url is "pg://x": must be file: and a path`);
});

test("an unknown command names the nearest one and ends it with 2", async () => {
  await using program = startProgram(["sevre"]);
  expect(await program.ended).toEqual({
    code: 2,
    complaint: "carillon: sevre is not a command: did you mean serve? See --help\n",
  });
});

test("a port in use is one sentence that names the setting, and exit code 1", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const flags = [`--port=${port}`, `--database-url=file:${join(folder, "taken.db")}`];
  await using program = startProgram(["serve", ...flags]);
  const { code, complaint } = await program.ended;
  other.close();

  expect(code).toBe(1);
  expect(complaint).toMatch(/^carillon: 127\.0\.0\.1 port \d+ is in use: .*CARILLON_PORT.*\n$/);
});

test("a database that cannot be opened is one sentence, and exit code 1", async () => {
  await using program = serve(".");
  const { code, complaint } = await program.ended;
  expect(code).toBe(1);
  expect(complaint).toMatch(/^carillon: the database file .* cannot be used: .*\n$/);
});

test("--help lists commands and settings, --version the version, config where each value comes from", async () => {
  await using help = startProgram(["--help"]);
  await using version = startProgram(["--version"]);
  await using config = startProgram(["config", "--port=1"], { CARILLON_HOST: "::1" });
  const codes = await Promise.all([help, version, config].map(async (program) => (await program.ended).code));

  expect(codes).toEqual([0, 0, 0]);
  expect(help.lines.join("\n")).toMatch(/serve +run the hub[^]*--lease-max-seconds {2}\(2592000\)/);
  expect(version.lines).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+/)]);
  expect(await config.line(/^CARILLON_PORT +1 +flag$/)).toBeDefined();
  expect(await config.line(/^CARILLON_HOST +::1 +environment$/)).toBeDefined();
  expect(await config.line(/^CARILLON_LOG_LEVEL +info +default$/)).toBeDefined();
});
