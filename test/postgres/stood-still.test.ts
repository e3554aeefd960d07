import { expect, test } from "vitest";

import type { Received } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

/** As many as a host gets at first. */
const most = 4;

test("a node that stood still in the middle of a chunk, and goes on when others have delivered it and more, sends and counts nothing", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  const held: Received[] = [];
  const release = Promise.withResolvers<void>();
  await using subscriber = await openSubscriber({
    async receive(request) {
      if (held.length < most) {
        held.push(request);
        await release.promise;
      }
      return { status: 204 };
    },
  });
  await using stopped = await openTestHub({ database });
  await using other = await openTestHub({ database });
  const topic = publisher.topic("/feed");
  const count = 20;
  for (let i = 0; i < count; i += 1) await other.subscribe(topic, subscriber.callback(`/${i}`));
  publisher.serve("/feed", { body: "one" });
  const stoppedRound = stopped.publish(topic);
  await until(() => held.length === most);

  stopped.clock.standStill(60_000);
  await database.connection.query("UPDATE chunks SET lease_until = '-infinity'");
  await other.drain();
  publisher.serve("/feed", { body: "two" });
  await other.publish(topic);
  release.resolve();
  stopped.clock.advance(0);
  await stoppedRound;

  const bodies = Map.groupBy(subscriber.deliveries, ({ target }) => target);
  for (let i = 0; i < count; i += 1) {
    const isTwice = held.some(({ target }) => target === `/${i}`);
    const expected = isTwice ? ["one", "one", "two"] : ["one", "two"];
    expect(bodies.get(`/${i}`)?.map(({ body }) => String(body))).toEqual(expected);
  }
  const [feed] = (await database.connection.query<{ readonly id: number }>("SELECT id FROM topics")).rows;
  for (const seq of [1, 2])
    expect(await other.store.fanOuts.progress({ topicId: Number(feed?.id), seq })).toMatchObject({
      done: true,
      delivered: count,
    });
});
