import { describe } from "vitest";

import { openSqliteTestStore } from "./sqlite-test-store.ts";
import { describeStore } from "./store.ts";

describe("SQLite", { timeout: 30_000 }, () => {
  describeStore(openSqliteTestStore);
});
