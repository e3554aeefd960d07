import type { Subscription } from "../../src/model/subscription.ts";
import type { TopicPolicy } from "../../src/model/topic.ts";

type Send = { readonly seq: number; readonly token: string; isOpen: boolean };

/**
 * Follows what nodes do side by side, and says afterwards what broke an invariant of engine-protocol 4. What a lost lease
 * may cause is excused, as in I2 and I4: hence the verdict comes last, when it is known which leases were lost.
 */
export type Witness = {
  /** The store has claimed this delivery for a node, and it is being sent. */
  begin(id: number, seq: number, token: string): void;
  /** The answer has come; the store does not know yet. */
  end(id: number, seq: number, token: string): void;
  /** The attempt goes on, outside its chunk. */
  adopt(id: number, seq: number, token: string): void;
  /** The store has taken note that it succeeded, or that it never will. */
  settle(id: number, seq: number, token: string): void;
  loseLease(token: string): void;
  /** All who still have something in hand are gone. */
  loseAll(): void;
  /** The store has refused a write. */
  lost(token: string, ids: readonly number[], own: readonly string[]): void;
  missPublication(token: string, ids: readonly number[]): void;
  expectUpToDate(subscription: Subscription | undefined, lastSeq: number): void;
  blame(what: string): void;
  verdict(): readonly string[];
};

export function createWitness({ policy }: { readonly policy: TopicPolicy }): Witness {
  const sends = new Map<number, Send[]>();
  /** By which token. */
  const settled = new Map<number, Map<number, string>>();
  const live = new Map<number, Subscription>();
  const lostTokens = new Set<string>();
  /** Broken unless one of these leases was lost. */
  const suspicions: {
    readonly what: string;
    readonly unless: readonly string[];
    readonly unlessGone?: readonly number[];
  }[] = [];
  const suspect = (what: string, unless: readonly string[], unlessGone?: readonly number[]) =>
    suspicions.push({ what, unless, ...(unlessGone === undefined ? {} : { unlessGone }) });
  const sendsOf = (id: number) => getOrMake(sends, id, (): Send[] => []);
  const settledOf = (id: number) => getOrMake(settled, id, () => new Map<number, string>());

  return {
    begin(id, seq, token) {
      const before = sendsOf(id);
      for (const other of before) {
        const both = [other.token, token];
        if (other.isOpen) suspect(`I4: ${id} is sent ${seq} while ${other.seq} is under way`, both);
        if (other.seq > seq) suspect(`I3: ${id} is sent ${seq} after ${other.seq}`, both);
      }
      if (settledOf(id).has(seq)) suspect(`I2: ${id} is sent ${seq} again`, [token]);
      before.push({ seq, token, isOpen: true });
    },
    end(id, seq, token) {
      for (const send of sendsOf(id)) if (send.token === token && send.seq === seq) send.isOpen = false;
    },
    adopt(id, seq, token) {
      sendsOf(id).push({ seq, token, isOpen: true });
    },
    settle(id, seq, token) {
      const before = settledOf(id).get(seq);
      if (before !== undefined) suspect(`I2: ${id} is settled twice with ${seq}`, [before, token]);
      settledOf(id).set(seq, token);
    },
    loseLease: (token) => void lostTokens.add(token),
    loseAll() {
      for (const send of [...sends.values()].flat()) if (send.isOpen) lostTokens.add(send.token);
      for (const send of [...sends.values()].flat()) send.isOpen = false;
    },
    lost(token, ids, own) {
      suspect(`I9: the claim of ${ids.join()} was refused`, [token, ...own], ids);
      for (const one of own) lostTokens.add(one);
      for (const id of ids)
        for (const send of sendsOf(id)) if (send.token === token || own.includes(send.token)) send.isOpen = false;
    },
    missPublication: (token, ids) => void suspect("I7: what is to be sent is gone", [token], ids),
    expectUpToDate(subscription, lastSeq) {
      if (subscription === undefined) return;
      const { id, firstSeq } = subscription;
      live.set(id, subscription);
      const first = policy === "every" ? firstSeq : Math.max(firstSeq, lastSeq);
      for (let seq = first; seq <= lastSeq; seq += 1)
        if (!settledOf(id).has(seq)) suspect(`I1: ${id} never gets ${seq}`, []);
      for (const send of sendsOf(id))
        if (send.seq < firstSeq) suspect(`I8: ${id} is owed nothing before ${firstSeq}`, []);
    },
    blame: (what) => void suspect(what, []),
    verdict: () =>
      suspicions.flatMap(({ what, unless, unlessGone }) => {
        const isExcused = unless.some((token) => lostTokens.has(token));
        return isExcused || unlessGone?.some((id) => !live.has(id)) === true ? [] : [what];
      }),
  };
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
