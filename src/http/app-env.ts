import type { Http2Bindings, HttpBindings } from "@hono/node-server";

/** What the routes see of the server below them. */
export type AppEnv = { Bindings: Pick<HttpBindings | Http2Bindings, "incoming"> };
