import type { TopicPolicy } from "../../src/model/topic.ts";

type Member = {
  readonly firstSeq: number;
  /** Publications delivered or given up, as far as the store has been told. */
  readonly settled: Set<number>;
  started: number;
  /** An attempt is under way, or it waits in a claimed chunk. */
  open: boolean;
  live: boolean;
};

/** What is known of every subscription; throws when what the store hands out breaks an invariant of engine-protocol 4. */
export type Ledger = {
  add(id: number, firstSeq: number): void;
  end(id: number): void;
  isLive(id: number): boolean;
  /** The store has claimed this delivery for us. */
  begin(id: number, seq: number): void;
  /** The store was told how it ended. */
  finish(id: number, seq: number, isSettled: boolean): void;
  /** A chunk leaves it to an attempt of its own. */
  voidClaims(): void;
  /** When all work has ended. */
  assertUpToDate(policy: TopicPolicy, lastSeq: number): void;
};

export function createLedger(): Ledger {
  const members = new Map<number, Member>();
  const get = (id: number): Member => {
    const member = members.get(id);
    if (member === undefined) throw new Error(`${id} was never subscribed`);
    return member;
  };

  return {
    add(id, firstSeq) {
      insist(!members.has(id), `id ${id} was used before`);
      members.set(id, { firstSeq, settled: new Set(), started: 0, open: false, live: true });
    },
    end(id) {
      get(id).live = false;
    },
    isLive: (id) => get(id).live,
    begin(id, seq) {
      const member = get(id);
      insist(member.live, `${id} has unsubscribed`);
      insist(seq >= member.firstSeq, `I8: ${id} is owed nothing before ${member.firstSeq}, not ${seq}`);
      insist(seq >= member.started, `I3: ${id} gets ${seq} after ${member.started}`);
      insist(!member.open, `I4, I6: ${id} has two owners`);
      insist(!member.settled.has(seq), `I2: ${id} gets ${seq} twice`);
      member.started = seq;
      member.open = true;
    },
    finish(id, seq, isSettled) {
      const member = get(id);
      member.open = false;
      if (isSettled) member.settled.add(seq);
    },
    voidClaims() {
      for (const member of members.values()) member.open = false;
    },
    assertUpToDate(policy, lastSeq) {
      for (const [id, { live, open, firstSeq, settled }] of members) {
        if (!live) continue;
        insist(!open, `I10: ${id} is still open`);
        const first = policy === "every" ? firstSeq : Math.max(firstSeq, lastSeq);
        for (let seq = first; seq <= lastSeq; seq += 1) insist(settled.has(seq), `I1: ${id} never gets ${seq}`);
      }
    },
  };
}

export function insist(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}
