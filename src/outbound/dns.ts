import type { RecordWithTtl } from "node:dns";
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";

import type { Clock } from "../clock.ts";
import { errorCode, nameFailure, OutboundError } from "./failure.ts";
import type { Found } from "./name-cache.ts";
import { overLimit } from "./outbound.ts";
import { within } from "./within.ts";

/** Of each try, of which there are two. One name server that is silent is given up after 2 to 3 s. */
const waits = { timeout: 1_000, tries: 2, maxTimeout: 1_000 };
/** For all name servers together. With the proof below it ends before the connect limit does, which would blame the peer. */
const deadlineMs = 3_000;
const proofMs = 1_000;
/** How long an answer proves that our name server works. */
const proofLastsMs = 10_000;
/** After it /etc/resolv.conf is read anew. */
const freshMs = 60_000;
/** Of each family: a name with thousands would fill the cache. */
const mostAddresses = 8;

/**
 * Asks the name servers of /etc/resolv.conf (or `servers`) for a name's addresses, without libuv's thread pool, where two names on
 * silent servers would hold up all others. IPv4 first: a broken route for IPv6 is commoner than one for IPv4. If only one family is
 * answered, that is the answer. Rejects with an OutboundError, after 4 s at the latest.
 *
 * A name may fail (SERVFAIL, silence, nonsense) because our name server does, which is our own fault, or because its own zone does,
 * and a stranger can make it so. Policy: it is its own if our name server answers anything else: another name in the last 10 s, or
 * now a question for the root.
 */
export function createDns(clock: Clock, servers?: readonly string[]): (name: string) => Promise<Found> {
  const nameServer = createNameServer(clock, servers);

  return async (name) => {
    const { records, errors } = await nameServer.ask(name);
    if (records.length > 0) return toFound(records);
    const doubt = errors.find((error) => !isAnswer(error) && errorCode(error) !== "EBADNAME");
    if (doubt === undefined) throw nameFailure(name, errors[0]);
    if (!(doubt instanceof OutboundError) && (await nameServer.isProven())) {
      const detail = `the name ${name} does not resolve: its own name servers fail (${errorCode(doubt)})`;
      throw new OutboundError("unresolved", detail);
    }
    nameServer.renew();
    throw nameFailure(name, doubt);
  };
}

function createNameServer(clock: Clock, servers: readonly string[] | undefined) {
  let made: { readonly resolver: Resolver; readonly atMs: number } | undefined;
  let answeredAtMs = -Infinity;
  let proof: Promise<boolean> | undefined;

  function current(): Resolver {
    if (made !== undefined && clock.monotonicMs() - made.atMs < freshMs) return made.resolver;
    const resolver = new Resolver(waits);
    if (servers !== undefined) resolver.setServers(servers);
    made = { resolver, atMs: clock.monotonicMs() };
    return resolver;
  }

  /** What is said of both families until the deadline. */
  async function ask(name: string) {
    const asked = current();
    const records: RecordWithTtl[] = [];
    const errors: unknown[] = [];
    const queries = [asked.resolve4(name, { ttl: true }), asked.resolve6(name, { ttl: true })].map((query) =>
      query.then(
        (found) => void records.push(...found.slice(0, mostAddresses)),
        (error: unknown) => void errors.push(error),
      ),
    );
    const untilMs = clock.monotonicMs() + deadlineMs;
    const inTime = await within(clock, deadlineMs, Promise.all(queries));
    const late = overLimit("no answer in time", clock.monotonicMs() - untilMs);
    if (late.reason === "exhausted") errors.unshift(new OutboundError(late.reason, late.detail));
    else if (!inTime) errors.push(Object.assign(new Error(late.detail), { code: "ETIMEOUT" }));
    if (records.length > 0 || errors.every(isAnswer)) answeredAtMs = clock.monotonicMs();
    return { records, errors };
  }

  async function prove(): Promise<boolean> {
    let isAnswered = false;
    const asked = current()
      .resolveNs(".")
      .then(
        () => void (isAnswered = true),
        (error: unknown) => void (isAnswered = isAnswer(error)),
      );
    await within(clock, proofMs, asked);
    if (isAnswered) answeredAtMs = clock.monotonicMs();
    proof = undefined;
    return isAnswered;
  }

  return {
    ask,
    isProven: async () => clock.monotonicMs() - answeredAtMs < proofLastsMs || (proof ??= prove()),
    /** The next question reads /etc/resolv.conf. */
    renew() {
      made = undefined;
    },
  };
}

/** That there is no such name, or no address. Of what cannot be a name (EBADNAME) nobody is asked. */
function isAnswer(error: unknown): boolean {
  return errorCode(error) === "ENOTFOUND" || errorCode(error) === "ENODATA";
}

function toFound(records: readonly RecordWithTtl[]): Found {
  const addresses = records.map(({ address }) => address).toSorted((one, other) => isIP(one) - isIP(other));
  return { addresses, ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)) };
}
