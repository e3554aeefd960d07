import type { AttemptRecord, CatchUpClaim, Wait } from "../../src/model/delivery.ts";
import type { TopicPolicy } from "../../src/model/topic.ts";

type Member = {
  readonly firstSeq: number;
  expiresAt: Date;
  /** Publications delivered or given up, as far as the store has been told or has told. */
  readonly settled: Set<number>;
  started: number;
  /** An attempt is under way, or it waits in a claimed chunk. */
  open: boolean;
  live: boolean;
  /** What its behind row was last told, and when it may be claimed. */
  plan: Wait & { readonly retryAt: Date };
};

/** What is known of every subscription; throws when what the store hands out breaks an invariant of engine-protocol 4. */
export type Ledger = {
  add(id: number, firstSeq: number, expiresAt: Date): void;
  renew(id: number, expiresAt: Date): void;
  end(id: number): void;
  /** Its lease is over and it has ended: by then all it was owed is settled or under way. */
  endLapsed(id: number, policy: TopicPolicy, lastSeq: number): void;
  isLive(id: number): boolean;
  /** The store has claimed this delivery for us. */
  begin(id: number, seq: number, now: Date): void;
  /** It has done so with what it knows of the schedule. */
  assertPlan(claim: CatchUpClaim): void;
  assertDue(id: number, now: Date): void;
  /** The store was told how it ended. */
  finish(id: number, seq: number, isSettled: boolean): void;
  /** The store was told when it is tried again. */
  plan(id: number, wait: Wait): void;
  /** A host is back. Returns how many it hastens at most. */
  hasten(ids: readonly number[], marks: readonly Wait["hastenedBy"][], now: Date): number;
  /** The store has told of what it gave up. */
  giveUp(record: AttemptRecord): void;
  voidClaims(catchUps: readonly number[]): void;
  /** When all work has ended. */
  assertUpToDate(policy: TopicPolicy, lastSeq: number): void;
};

const noPlan = { attempts: -1, dueAt: new Date(NaN), retryAt: new Date(NaN), hastenedBy: "nothing" } as const;

export function createLedger(): Ledger {
  const members = new Map<number, Member>();
  const get = (id: number): Member => {
    const member = members.get(id);
    if (member === undefined) throw new Error(`${id} was never subscribed`);
    return member;
  };

  return {
    add(id, firstSeq, expiresAt) {
      insist(!members.has(id), `id ${id} was used before`);
      const figures = { started: 0, open: false, live: true, plan: noPlan };
      members.set(id, { firstSeq, expiresAt, settled: new Set(), ...figures });
    },
    renew(id, expiresAt) {
      get(id).expiresAt = expiresAt;
    },
    end(id) {
      get(id).live = false;
    },
    endLapsed(id, policy, lastSeq) {
      const member = get(id);
      member.live = false;
      for (const seq of owedBy(member, policy, lastSeq)) {
        const isKnown = member.settled.has(seq) || (member.open && member.started === seq);
        insist(isKnown, `the lease of ${id} ended, and ${seq} is on no record`);
      }
    },
    isLive: (id) => get(id).live,
    begin(id, seq, now) {
      const member = get(id);
      insist(member.live, `${id} has unsubscribed`);
      insist(member.expiresAt > now, `the lease of ${id} is over`);
      insist(seq >= member.firstSeq, `I8: ${id} is owed nothing before ${member.firstSeq}, not ${seq}`);
      insist(seq >= member.started, `I3: ${id} gets ${seq} after ${member.started}`);
      insist(!member.open, `I4, I6: ${id} has two owners`);
      insist(!member.settled.has(seq), `I2: ${id} gets ${seq} twice`);
      member.started = seq;
      member.open = true;
    },
    assertPlan({ subscriptionId: id, attempts, retryAt }) {
      const { plan } = get(id);
      insist(plan.attempts === attempts, `${id} has made ${plan.attempts} attempts, not ${attempts}`);
      insist(+plan.retryAt === +retryAt, `${id} is tried at ${+plan.retryAt}, not ${+retryAt}`);
    },
    assertDue(id, now) {
      insist(get(id).plan.dueAt <= now, `${id} is not due yet`);
    },
    finish(id, seq, isSettled) {
      const member = get(id);
      member.open = false;
      if (isSettled) member.settled.add(seq);
    },
    plan(id, wait) {
      get(id).plan = { ...wait, retryAt: wait.dueAt };
    },
    hasten(ids, marks, now) {
      const hastened = ids.map(get).filter(({ live, open, plan }) => live && !open && marks.includes(plan.hastenedBy));
      for (const member of hastened) {
        const dueAt = member.plan.dueAt < now ? member.plan.dueAt : now;
        member.plan = { ...member.plan, dueAt, hastenedBy: "nothing" };
      }
      return hastened.length;
    },
    giveUp({ subscriptionId: id = 0, seq: last, count }) {
      const member = get(id);
      insist(member.live, `${id} has ended, and nothing it was owed is given up`);
      for (let seq = last - count + 1; seq <= last; seq += 1) {
        insist(seq >= member.firstSeq, `I8: ${id} was never owed ${seq}`);
        insist(!member.settled.has(seq), `I2: ${id} is given up ${seq} that was settled`);
        member.settled.add(seq);
      }
    },
    voidClaims(catchUps) {
      for (const member of members.values()) member.open = false;
      for (const member of catchUps.map(get)) member.plan = { ...member.plan, dueAt: new Date(0) };
    },
    assertUpToDate(policy, lastSeq) {
      for (const [id, member] of members) {
        if (!member.live) continue;
        insist(!member.open, `I10: ${id} is still open`);
        for (const seq of owedBy(member, policy, lastSeq))
          insist(member.settled.has(seq), `I1: ${id} never gets ${seq}`);
      }
    },
  };
}

function owedBy({ firstSeq }: Member, policy: TopicPolicy, lastSeq: number): readonly number[] {
  const first = policy === "every" ? firstSeq : Math.max(firstSeq, lastSeq);
  return Array.from({ length: Math.max(0, lastSeq - first + 1) }, (_, i) => first + i);
}

export function insist(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}
