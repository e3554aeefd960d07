import { describe } from "vitest";

import { describeAttemptStore } from "./attempt-store.ts";
import { describeBehindStore } from "./behind-store.ts";
import { describeCatchUpSettling } from "./catch-up-settling.ts";
import { describeCheckpoint } from "./checkpoint.ts";
import { describeFanOutStore } from "./fan-out-store.ts";
import { describeIntentStore } from "./intent-store.ts";
import { describeOwnership } from "./ownership.ts";
import { describePublicationOrder } from "./publication-order.ts";
import { describePublicationStore } from "./publication-store.ts";
import { describeSettleIntent } from "./settle-intent.ts";
import { describeSubscriptionStore } from "./subscription-store.ts";
import { openSqliteTestStore as open } from "./sqlite-test-store.ts";
import { describeTopicStore } from "./topic-store.ts";

describe("SQLite", { timeout: 30_000 }, () => {
  describeTopicStore(open);
  describeIntentStore(open);
  describeSettleIntent(open);
  describeSubscriptionStore(open);
  describePublicationStore(open);
  describeFanOutStore(open);
  describePublicationOrder(open);
  describeCheckpoint(open);
  describeBehindStore(open);
  describeCatchUpSettling(open);
  describeAttemptStore(open);
  describeOwnership(open);
});
