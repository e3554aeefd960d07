import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";

/** What became of requests: by status; 0 where the hub hung up, or took no connection. */
export type Answers = {
  readonly statuses: ReadonlyMap<number, number>;
  /** Refusals that do not say when to come again. */
  readonly mute: number;
  /** Those that were answered 2xx. */
  readonly accepted: readonly Form[];
};

export type Form = Readonly<Record<string, string>>;

export type Load = {
  readonly url: string;
  /** The nth thing that is asked for. */
  readonly form: (n: number) => Form;
  readonly perSecond: number;
  readonly seconds: number;
  /** Where it comes from, in turn. */
  readonly from: readonly string[];
};

const tickMs = 20;
/** Of one client. */
const mostSockets = 8;

/** Asks at that rate whatever becomes of it. Resolves once everything is answered. */
export async function offer({ url, form, perSecond, seconds, from }: Load): Promise<Answers> {
  const agents = from.map((localAddress) => {
    return new Agent({ keepAlive: true, maxSockets: mostSockets, localAddress });
  });
  const statuses = new Map<number, number>();
  const accepted: Form[] = [];
  const waiting = new Set<Promise<void>>();
  let mute = 0;
  let asked = 0;

  const ask = async (agent: Agent | undefined): Promise<void> => {
    const wanted = form((asked += 1));
    const { status, retryAfter } = await post(url, wanted, agent);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status >= 200 && status < 300) accepted.push(wanted);
    if ((status === 429 || status === 503) && retryAfter === undefined) mute += 1;
  };

  const startedMs = performance.now();
  for (let pastMs = 0; pastMs < seconds * 1000; pastMs = performance.now() - startedMs) {
    for (let left = Math.floor((perSecond * pastMs) / 1000) - asked; left > 0; left -= 1) {
      const one: Promise<void> = ask(agents[asked % agents.length]).finally(() => waiting.delete(one));
      waiting.add(one);
    }
    await setTimeout(tickMs);
  }
  await Promise.all(waiting);
  for (const agent of agents) agent.destroy();
  return { statuses, mute, accepted };
}

type Answer = { readonly status: number; readonly retryAfter: string | undefined };

function post(url: string, form: Form, agent: Agent | undefined): Promise<Answer> {
  return new Promise((resolve) => {
    const body = String(new URLSearchParams(form));
    const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": body.length };
    const sending = request(url, { method: "POST", headers, agent }, (response) => {
      response.resume().on("error", () => undefined);
      resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"] });
    });
    sending.on("error", () => resolve({ status: 0, retryAfter: undefined }));
    sending.end(body);
  });
}
