import type { Row } from "./row.ts";
import { deadBacklog } from "./rows/dead-backlog.ts";
import { deadHosts } from "./rows/dead-hosts.ts";
import { manyOrigins } from "./rows/many-origins.ts";
import { oneOrigin } from "./rows/one-origin.ts";
import { pendingVerifications } from "./rows/pending-verifications.ts";

/** In the order in which they run. */
export const rows: readonly Row[] = [
  deadHosts,
  manyOrigins,
  oneOrigin,
  deadBacklog,
  pendingVerifications,
];
