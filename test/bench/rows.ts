import type { Row } from "./row.ts";
import { backlog } from "./rows/backlog.ts";
import { bigBody } from "./rows/big-body.ts";
import { catalogue } from "./rows/catalogue.ts";
import { deadBacklog } from "./rows/dead-backlog.ts";
import { deadHosts } from "./rows/dead-hosts.ts";
import { fanOutCold, fanOutTls, fanOutWarm } from "./rows/fan-out.ts";
import { hostileClient } from "./rows/hostile-client.ts";
import { hostileHosts } from "./rows/hostile-hosts.ts";
import { idle } from "./rows/idle.ts";
import { ingest } from "./rows/ingest.ts";
import { latency } from "./rows/latency.ts";
import { loopDelay } from "./rows/loop-delay.ts";
import { manyOrigins } from "./rows/many-origins.ts";
import { millionRow } from "./rows/million.ts";
import { oneOrigin } from "./rows/one-origin.ts";
import { pendingVerifications } from "./rows/pending-verifications.ts";
import { postgresClaims } from "./rows/postgres-claims.ts";
import { postgresChurn } from "./rows/postgres-churn.ts";
import { postgresCost } from "./rows/postgres-cost.ts";
import { postgresMillion } from "./rows/postgres-million.ts";
import { postgresNodes } from "./rows/postgres-nodes.ts";

/** In the order in which they run. */
export const rows: readonly Row[] = [
  fanOutWarm,
  fanOutCold,
  fanOutTls,
  ingest,
  millionRow,
  latency,
  loopDelay,
  bigBody,
  idle,
  deadHosts,
  hostileHosts,
  hostileClient,
  catalogue,
  manyOrigins,
  oneOrigin,
  deadBacklog,
  backlog,
  pendingVerifications,
  postgresNodes,
  postgresCost,
  postgresClaims,
  postgresMillion,
  postgresChurn,
];
