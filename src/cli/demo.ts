import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadConfig } from "../config.ts";
import type { Environment } from "../config/gather.ts";
import { createHub } from "../hub.ts";
import type { Terminal } from "./command.ts";
import { createScreen } from "./demo-screen.ts";
import { openShop } from "./demo-shop.ts";
import { openWarehouse } from "./demo-warehouse.ts";

/**
 * `carillon demo`: a hub on a database that is thrown away, a shop that publishes and a warehouse that subscribes.
 * Both know the hub only by its URL. Of the environment only where to listen and how much to log is taken.
 */
export async function demo(argv: readonly string[], { env, print, stopped }: Terminal): Promise<void> {
  const tell = createScreen(print);
  await using folder = await openFolder();
  // Opened last, closed first: shop and warehouse go before the hub, so nobody waits for an answer.
  await using hub = createHub(loadConfig(demoEnvironment(env, folder.path), argv));
  await hub.start();
  print(`A hub, a shop whose stock changes every 3 seconds, a warehouse that wants to know; Ctrl-C ends it\n`);
  tell("hub", "is running", hub.url);
  await using shop = await openShop(hub.url, tell);
  tell("shop", "serves its stock feed", shop.feed);
  await using warehouse = await openWarehouse(hub.url, tell);
  await untilStopped(stopped, async () => {
    await warehouse.subscribe(shop.feed, stopped);
    await shop.openFor(stopped);
  });
  print("\nThe demo is over; its database is deleted");
}

async function openFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "carillon-demo-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

function demoEnvironment(env: Environment, folder: string): Environment {
  return {
    CARILLON_HOST: env["CARILLON_HOST"],
    CARILLON_PORT: env["CARILLON_PORT"] || "0",
    CARILLON_LOG_LEVEL: env["CARILLON_LOG_LEVEL"] || "error",
    CARILLON_DATABASE_URL: `file:${join(folder, "carillon.db")}`,
    CARILLON_ALLOW_CIDRS: "127.0.0.0/8,::1/128",
  };
}

/** Runs until the signal, which ends it without complaint wherever it is. */
async function untilStopped(stopped: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!stopped.aborted) throw error;
  }
}
