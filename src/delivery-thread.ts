import { parentPort, workerData } from "node:worker_threads";

import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { HeaderPolicy } from "./distribute/delivery-headers.ts";
import { createPost } from "./distribute/post.ts";
import { serveOrders } from "./distribute/serve-orders.ts";
import { createPoster, type PosterOptions } from "./outbound/poster.ts";
import { createSecrets } from "./secrets.ts";

// The program of a delivery thread.

/** What it is told at its start: values that can cross threads. */
export type ThreadSettings = {
  readonly headers: HeaderPolicy;
  readonly poster: Omit<PosterOptions, "clock" | "resolve" | "cut">;
  readonly secretKeys: Config["secretKeys"];
};

if (parentPort === null) throw new Error("this is the program of a delivery thread");
// Nobody reads the stack of a connection that failed, and it costs more than all else about it.
Error.stackTraceLimit = 0;

const { headers, poster, secretKeys } = workerData as ThreadSettings;
const post = createPost(createPoster({ ...poster, clock: systemClock }), headers, createSecrets(secretKeys).open);
serveOrders(parentPort, post);
