import type { AdminToken } from "./admin-token.ts";
import { openAdmin } from "./admin.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createAdminApp, createApp, type Serve } from "./http/app.ts";
import { createClients } from "./http/clients.ts";
import { countAnswers } from "./http/count-answers.ts";
import type { HubSteps } from "./http/hub-endpoint.ts";
import { listen, type Listening, type ListenOptions } from "./http/listen.ts";
import { createRateLimit } from "./http/rate-limit.ts";
import type { Log } from "./log.ts";
import type { Counts } from "./metrics/counts.ts";
import type { Store } from "./store/store.ts";
import type { CleanupStack } from "./work/cleanup-stack.ts";

export type FrontParts = {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly counts: Counts;
  /** That others may have open to the hub. */
  readonly mostConnections: number;
};

/** Where the hub listens. */
export type Front = {
  readonly listening: Listening;
  /** The same one unless the admin surface has a port of its own. */
  readonly adminListening: Listening;
  /** What opens the admin surface. */
  readonly token: AdminToken;
  /** Requests that have come before wait for this. */
  readonly serve: (steps: HubSteps, hubUrl: string, assertReady: () => Promise<void>) => void;
};

/** Of an admin port that is not the same, so that a crowd at the one leaves room at the other. */
const mostAdminConnections = 64;

/** Listens, on the admin port too if there is one. Rejects when an address cannot be had, or the admin token not be read or made. */
export async function openFront(parts: FrontParts, stack: CleanupStack): Promise<Front> {
  const { config, clock, log, counts } = parts;
  const { host, port, adminPort } = config;
  const clients = createClients(config.trustProxyCidrs, log);
  const admin = await openAdmin({ ...parts, clients });
  const [app, adminApp] = [new Later(), new Later()];
  const open = async (more: Pick<ListenOptions, "port" | "serve" | "mostConnections">) => {
    const limit = createRateLimit(clock, config.requestsPerMinute);
    return stack.use(await listen({ host, clients, limit, clock, countAnswer: countAnswers(counts), ...more }));
  };
  const listening = await open({ port, serve: app.serve, mostConnections: parts.mostConnections });
  const adminListening =
    adminPort === undefined
      ? listening
      : await open({ port: adminPort, serve: adminApp.serve, mostConnections: mostAdminConnections });
  return {
    listening,
    adminListening,
    token: admin.token,
    serve(steps, url, assertReady) {
      const isApart = adminListening !== listening;
      app.begin(createApp({ steps, url, assertReady, clock, log, admin: isApart ? undefined : admin.deps }));
      if (isApart) adminApp.begin(createAdminApp(admin.deps, log));
    },
  };
}

/** What serves requests that may come before it is there. */
class Later {
  readonly #begun = Promise.withResolvers<void>();
  #serve: Serve = (...request) => void this.#begun.promise.then(() => this.#serve(...request));

  readonly serve: Serve = (...request) => this.#serve(...request);

  begin(serve: Serve): void {
    this.#serve = serve;
    this.#begun.resolve();
  }
}
