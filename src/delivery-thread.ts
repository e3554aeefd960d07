import { parentPort, workerData } from "node:worker_threads";

import { systemClock } from "./clock.ts";
import type { HeaderPolicy } from "./distribute/delivery-headers.ts";
import { createPost } from "./distribute/post.ts";
import { serveOrders } from "./distribute/serve-orders.ts";
import { createOutbound, type OutboundOptions } from "./outbound/undici-outbound.ts";

// The program of a delivery thread.

/** What it is told at its start: values that can cross threads. */
export type ThreadSettings = {
  readonly headers: HeaderPolicy;
  readonly outbound: Omit<OutboundOptions, "clock" | "resolve">;
};

if (parentPort === null) throw new Error("this is the program of a delivery thread");
// undici makes an error, with its stack, of every connection that closes: a third of what a cold delivery costs.
Error.stackTraceLimit = 0;

const { headers, outbound: options } = workerData as ThreadSettings;
const outbound = createOutbound({ ...options, clock: systemClock });
serveOrders(parentPort, createPost({ outbound, headers, cut: new AbortController().signal }));
