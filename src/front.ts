import type { Config } from "./config.ts";
import type { Admin } from "./admin.ts";
import { type AppDeps, createAdminApp, createApp } from "./http/app.ts";
import { countAnswers } from "./http/count-answers.ts";
import { type Answer, listen, type Listening } from "./http/listen.ts";
import type { Counts } from "./metrics/counts.ts";
import type { CleanupStack } from "./work/cleanup-stack.ts";

/** Where the hub listens. */
export type Front = {
  readonly listening: Listening;
  /** The same one unless the admin surface has a port of its own. */
  readonly adminListening: Listening;
  /** Requests that have come before wait for this. */
  readonly serve: (deps: Omit<AppDeps, "admin">) => void;
};

/** Listens, on the admin port too if there is one. Rejects when an address cannot be had. */
export async function openFront(config: Config, admin: Admin, counts: Counts, stack: CleanupStack): Promise<Front> {
  const { host, port, adminPort } = config;
  const [app, adminApp] = [new Later(), new Later()];
  const listening = stack.use(await listen(host, port, app.answer));
  const adminListening =
    adminPort === undefined ? listening : stack.use(await listen(host, adminPort, adminApp.answer));
  return {
    listening,
    adminListening,
    serve(deps) {
      const isApart = adminListening !== listening;
      app.begin(countAnswers(createApp({ ...deps, admin: isApart ? undefined : admin.deps }).fetch, counts));
      if (isApart) adminApp.begin(countAnswers(createAdminApp(admin.deps, deps.log).fetch, counts));
    },
  };
}

/** An answer to requests that may come before it is there. */
class Later {
  readonly #begun = Promise.withResolvers<Answer>();
  #answer: Answer = async (...request) => (await this.#begun.promise)(...request);

  readonly answer: Answer = (...request) => this.#answer(...request);

  begin(answer: Answer): void {
    this.#answer = answer;
    this.#begun.resolve(answer);
  }
}
