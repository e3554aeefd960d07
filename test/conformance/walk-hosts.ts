import { plenty, record, shut, topic } from "./support.ts";
import { insist } from "./walk-ledger.ts";
import { beginAttempt, idsAt, originOf, readGivenUp, topicOf, type World } from "./walk-world.ts";

/** Steps of catch-up, and of hosts that go and come back. */
export type HostSteps = {
  catchUp(limit: number, dice: number): Promise<void>;
  probe(who: number): Promise<void>;
  release(pick: number): Promise<void>;
  /** Opens its breaker, or closes it. */
  turnHost(who: number): Promise<void>;
  hasten(who: number, dice: number): Promise<void>;
  giveUpOld(ms: number, limit: number): Promise<void>;
  endLapsed(limit: number): Promise<void>;
};

export function createHostSteps(world: World): HostSteps {
  const { opened, ledger } = world;
  return {
    async catchUp(limit, dice) {
      const raised = { origin: originOf(dice >> 2), limit: dice % 5 };
      const claims = await opened.store.behind.claimCatchUps(limit, 1, world.now, dice % 2 === 0 ? [raised] : []);
      for (const claim of claims) {
        const { origin } = new URL(claim.callback);
        insist(!world.shut.has(origin), `the breaker of ${origin} is open`);
        ledger.assertDue(claim.subscriptionId, world.now);
        await beginAttempt(world, claim);
        const most = dice % 2 === 0 && origin === raised.origin ? raised.limit : 1;
        insist(openAt(world, origin) <= most, `more than ${most} are under way at ${origin}`);
      }
      insist(claims.length <= limit, `more than ${limit} were claimed`);
    },
    async probe(who) {
      const origins = [originOf(who), originOf(who + 1), "https://unknown.example"];
      const claims = await opened.store.behind.claimProbes(origins, world.now);
      insist(claims.length === origins.length && claims[2] === undefined, "there is one for each origin asked for");
      for (const [i, claim] of claims.entries()) {
        if (claim === undefined) continue;
        insist(new URL(claim.callback).origin === origins[i], "a probe goes where it was asked for");
        await beginAttempt(world, claim);
      }
    },
    async release(pick) {
      const attempt = world.attempts[pick % Math.max(1, world.attempts.length)];
      if (attempt === undefined) return;
      await opened.store.behind.release(attempt);
      world.attempts = world.attempts.filter((other) => other !== attempt);
      const late = await opened.store.behind.settleCatchUp(attempt, { kind: "delivered" }, record(attempt), world.now);
      insist(late === "lost", "what was released is nobody's");
      ledger.finish(attempt.subscriptionId, attempt.seq, false);
    },
    async turnHost(who) {
      const origin = originOf(who);
      if (world.shut.delete(origin)) return opened.store.hosts.saveOpen([origin]);
      world.shut.add(origin);
      await opened.store.hosts.saveShut([shut(origin)]);
    },
    async hasten(who, dice) {
      const by = dice % 2 === 0 ? "recovery" : "success";
      const origin = originOf(who);
      const hastened = await opened.store.behind.hasten(origin, by, plenty, world.now);
      const marks = by === "recovery" ? (["recovery", "success"] as const) : (["success"] as const);
      const most = ledger.hasten(idsAt(world, origin), marks, world.now);
      insist(hastened <= most, `${hastened} are hastened at ${origin}, not ${most}`);
    },
    async giveUpOld(ms, limit) {
      const claimed = world.attempts.map(({ subscriptionId }) => subscriptionId).filter((id) => ledger.isLive(id));
      const count = await opened.store.behind.giveUpOld(new Date(world.now.getTime() - ms), limit, world.now);
      const given = await readGivenUp(world);
      insist(given.length === count && count <= limit, "there is one record for each row given up");
      insist(!given.some((id) => claimed.includes(id)), "nothing is given up while an attempt is under way");
    },
    async endLapsed(limit) {
      const count = await opened.store.subscriptions.endLapsed(world.now, limit);
      insist(count <= limit, `more than ${limit} were ended`);
      await readGivenUp(world);
      await seeWhoLapsed(world);
    },
  };
}

function openAt({ attempts, ledger }: World, origin: string): number {
  const live = attempts.filter(({ subscriptionId }) => ledger.isLive(subscriptionId));
  return live.filter(({ callback }) => new URL(callback).origin === origin).length;
}

/** Tells the ledger whom the end of a lease has ended. */
async function seeWhoLapsed(world: World): Promise<void> {
  const { lastSeq } = await topicOf(world);
  for (const [callback, id] of world.known) {
    const still = await world.opened.store.subscriptions.find(topic, callback);
    if (still?.id === id || !world.ledger.isLive(id)) continue;
    world.ledger.endLapsed(id, world.policy() === "every" ? "every" : "latest", lastSeq);
  }
}
