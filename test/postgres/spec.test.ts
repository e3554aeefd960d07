import { afterAll, beforeAll, vi } from "vitest";

// What matters most of the specification, on PostgreSQL; all of it: CARILLON_TEST_STORE=postgres npm test -- test/spec.

beforeAll(() => void vi.stubEnv("CARILLON_TEST_STORE", "postgres"));
afterAll(() => void vi.unstubAllEnvs());

for (const part of ["order", "ending", "checkpoints"]) {
  // Also where the same process has run the file by itself.
  await import(`../spec/section-7-${part}.test.ts?on=postgres`);
}
