import { describe } from "vitest";

import { describeRandomWalk } from "./random-walk.ts";
import { openSqliteTestStore } from "./sqlite-test-store.ts";

// A file of its own, so that it runs beside the others.
describe("SQLite", () => {
  describeRandomWalk(openSqliteTestStore);
});
