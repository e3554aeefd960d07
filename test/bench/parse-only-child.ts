import { once } from "node:events";

import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";

import { answerCalls } from "./calls.ts";
import { createMeter } from "./meter.ts";

// What hubs are held against when they accept: a handler that reads the form, and answers.
const meter = createMeter();
const app = new Hono().post("/", async (c) => {
  const form = new URLSearchParams(await c.req.text());
  return c.body(null, form.get("hub.mode") === "publish" ? 204 : 202);
});

const calls = {
  /** Resolves to where it listens. */
  async start(): Promise<string> {
    const server = createAdaptorServer({ fetch: app.fetch });
    server.listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    const address = server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
  },

  begin: () => meter.begin(),
  usage: () => meter.read(),
};

export type ParseOnlyCalls = typeof calls;

answerCalls(calls);
