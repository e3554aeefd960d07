import { capsOf, leasesOf, policyOf } from "./accepting.ts";
import { Blocks } from "./blocks.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { HubError } from "./errors.ts";
import { createHubAddress } from "./hub-address.ts";
import { topicIdentity } from "./model/http-url.ts";
import type { NewIntent } from "./model/intent.ts";
import { hostOf } from "./model/origin.ts";
import { openStore } from "./open-store.ts";
import { createSecrets } from "./secrets.ts";
import { HostFull } from "./store/subscription-store.ts";
import type { Store } from "./store/store.ts";
import { grantLease, type LeasePolicy } from "./subscribe/grant-lease.ts";
import { refuseByPolicy } from "./subscribe/refuse-by-policy.ts";
import { inLine, type ReadLine, readLine } from "./subscription-lines.ts";
import { HubClock } from "./work/hub-clock.ts";

export type Imported = {
  readonly added: number;
  /** Subscribed already: left as they are. */
  readonly known: number;
  /** Their lease was over: left out. */
  readonly lapsed: number;
};

const mostFaults = 20;
/** Which client asked is not known. */
const nobody = "";
/** One statement may have a million subscriptions to write. */
const patientMs = 3_600_000;

/**
 * Adds subscriptions that the operator vouches for, a line of JSON each (subscription-lines.ts): nobody is asked to verify them.
 * All or none: throws `invalid_request` with every fault, line by line, before anything is written. What the settings, the
 * address guard, blocks and `CARILLON_SUBSCRIPTIONS_PER_HOST` forbid is a fault too. Rejects with `store_unavailable` when the
 * database cannot be used; a hub on the same SQLite file is in its way, hubs on PostgreSQL are not. `onBackup`: as of `openStore`.
 */
export async function importSubscriptions(
  config: Config,
  lines: AsyncIterable<string>,
  onBackup: (copy: string) => void,
): Promise<Imported> {
  const clock = new HubClock(systemClock, { madeUpForMs: config.leaseMaxSeconds * 1000, onSetBack: () => {} });
  const leaseTime = (now: Date) => clock.leaseTime(now);
  await using store = await openStore(config, { leaseMs: patientMs, leaseTime, onBackup });
  clock.resume(await store.gaps.lastSeen(), await store.gaps.list());
  const now = clock.now();
  const { faults, wanted, lapsed } = await readAll(lines, await createToIntent(config, store, now));
  if (faults.length > 0) throw refusal(faults);
  const most = capsOf(config).subscriptions;
  try {
    const intents = [...wanted.values()].map(({ intent }) => intent);
    const added = await store.subscriptions.vouch(intents, now, most);
    return { added, known: wanted.size - added, lapsed };
  } catch (error) {
    throw error instanceof HostFull ? refusal([tellFull(error.intent, wanted, most)]) : error;
  }
}

/** By pair. */
type Wanted = ReadonlyMap<string, { readonly line: number; readonly intent: NewIntent }>;
type Read = { readonly faults: readonly string[]; readonly wanted: Wanted; readonly lapsed: number };
/** Throws HubError when the line is wrong. */
type ToIntent = (line: string) => NewIntent | "lapsed";

async function readAll(lines: AsyncIterable<string>, toIntent: ToIntent): Promise<Read> {
  const faults: string[] = [];
  const wanted = new Map<string, { readonly line: number; readonly intent: NewIntent }>();
  let lapsed = 0;
  let line = 0;
  for await (const text of lines) {
    line += 1;
    const said = text.replace(/^\uFEFF/, "").trim();
    if (said === "") continue;
    try {
      const intent = toIntent(said);
      if (intent === "lapsed") lapsed += 1;
      else add(wanted, line, intent);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      faults.push(`line ${line}: ${inLine(error.message)}`);
    }
  }
  return { faults, wanted, lapsed };
}

function add(
  wanted: Map<string, { readonly line: number; readonly intent: NewIntent }>,
  line: number,
  intent: NewIntent,
): void {
  const pair = JSON.stringify([intent.topic, intent.callback]);
  const before = wanted.get(pair);
  if (before !== undefined)
    throw new HubError("invalid_request", `topic and callback are those of line ${before.line}`);
  wanted.set(pair, { line, intent });
}

async function createToIntent(config: Config, store: Store, now: Date): Promise<ToIntent> {
  const { host, port, publicUrl = `http://localhost:${port}/` } = config;
  const blocks = new Blocks();
  blocks.load(await store.blocks.list());
  const address = createHubAddress(publicUrl, [{ host, port }]);
  const policy = policyOf({ config, clock: systemClock, address, blocks });
  const leases = leasesOf(config);
  const { seal } = createSecrets(config.secretKeys);

  return (line) => {
    const { callbackAsAsked: callback, ...request } = readLine(line);
    refuseByPolicy({ ...request, callbackAsAsked: callback }, nobody, policy);
    const leaseSeconds = leaseOf(request, leases, now);
    if (leaseSeconds <= 0) return "lapsed";
    const pair = { topic: topicIdentity(request.topic), callback };
    const { mode, topicAsAsked, verifyToken, signatureMethod } = request;
    const secret = request.secret && seal(request.secret, pair);
    return { mode, ...pair, topicAsAsked, secret, leaseSeconds, verifyToken, signatureMethod, client: nobody };
  };
}

/** One that was granted is kept, as far as this hub grants as much. */
function leaseOf(
  { endsAt, leaseSeconds }: Pick<ReadLine, "endsAt" | "leaseSeconds">,
  leases: LeasePolicy,
  now: Date,
): number {
  if (endsAt === undefined) return grantLease(leaseSeconds, leases);
  return Math.min(leases.max, Math.floor((endsAt.getTime() - now.getTime()) / 1000));
}

function tellFull({ topic, callback }: NewIntent, wanted: Wanted, most: number): string {
  const { line } = wanted.get(JSON.stringify([topic, callback])) ?? { line: 0 };
  return `line ${line}: callback at ${hostOf(callback)}: that host may have ${most} subscriptions, and no more`;
}

function refusal(faults: readonly string[]): HubError {
  const more = faults.length > mostFaults ? [`and ${faults.length - mostFaults} more`] : [];
  const told = [...faults.slice(0, mostFaults), ...more].join("\n  ");
  return new HubError("invalid_request", `nothing was imported:\n  ${told}`);
}
