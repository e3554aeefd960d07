import { describe } from "vitest";

import { openPostgresTestStore } from "./postgres-test-store.ts";
import { describeRandomWalk } from "./random-walk.ts";

// A file of its own, so that it runs beside the others.
describe("PostgreSQL", () => {
  describeRandomWalk(openPostgresTestStore, 0.3);
});
