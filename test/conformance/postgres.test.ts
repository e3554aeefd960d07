import { describe } from "vitest";

import { openPostgresTestStore } from "./postgres-test-store.ts";
import { describeStore } from "./store.ts";

describe("PostgreSQL", { timeout: 30_000 }, () => {
  describeStore(openPostgresTestStore);
});
