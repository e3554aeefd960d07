import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { startProgram } from "./program.ts";

/** What the hub warns of from start to end, where it may have so many files open. */
async function warningsWith(openFiles: number, maxInFlight: string, threads: string): Promise<unknown[]> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-descriptors-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const flags = ["--port=0", `--database-url=file:${join(folder, "hub.db")}`, "--log-level=warn"];
  await using program = startProgram(
    ["serve", ...flags],
    { CARILLON_MAX_IN_FLIGHT: maxInFlight, CARILLON_DELIVERY_THREADS: threads },
    openFiles,
  );
  await program.line(/^hub /);
  program.signal("SIGTERM");
  const { code, complaint } = await program.ended;
  expect(code).toBe(0);
  return complaint
    .split("\n")
    .filter(Boolean)
    .map((line): unknown => JSON.parse(line));
}

test.each([
  { threads: "0", used: 192 },
  { threads: "2", used: 192 },
])("more deliveries in flight than the limit of open files allows are fewer, and that is told once", async (given) => {
  expect(await warningsWith(1024, "1000", given.threads)).toEqual([
    expect.objectContaining({
      msg: "CARILLON_MAX_IN_FLIGHT is more than the limit of open files allows: lowered",
      setting: "CARILLON_MAX_IN_FLIGHT",
      value: 1000,
      descriptorLimit: 1024,
      used: given.used,
    }),
  ]);
});

test("a setting that fits is left alone", async () => {
  expect(await warningsWith(1024, "192", "0")).toEqual([]);
});
