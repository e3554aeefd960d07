import { describe, expect, test } from "vitest";

import type { NewIntent } from "../../src/model/intent.ts";
import type { Store } from "../../src/store/store.ts";
import {
  after,
  callback,
  claimIntent,
  cut,
  found,
  intent,
  only,
  type OpenStore,
  plenty,
  publish,
  secrets,
  start,
  subscribe,
  topic,
} from "./support.ts";

function sealed(secret: string, more: Partial<NewIntent> = {}): NewIntent {
  const asked = intent(more);
  return { ...asked, secret: secrets.seal(secret, asked) };
}

async function secretsOf(store: Store, table: "intents" | "subscriptions"): Promise<readonly string[]> {
  return (await store.secrets.listSecrets(table, 0, plenty)).map(({ secret }) => secret);
}

export function describeSecretStore(open: OpenStore): void {
  describe("secrets in the database", () => {
    test("are read by id, some at a time, each with its pair; whoever has none is left out", async () => {
      await using opened = await open();
      const { store } = opened;
      const callbacks = ["/a", "/b", "/c"].map((path) => `https://reader.example${path}`);
      for (const one of callbacks) await subscribe(store, { callback: one, secret: `of ${one}` });
      await subscribe(store);
      const first = await store.secrets.listSecrets("subscriptions", 0, 2);
      const rest = await store.secrets.listSecrets("subscriptions", found(first.at(-1)).id, 2);

      expect([...first, ...rest].map(({ topic: of, ...one }) => [of, one.callback, one.secret])).toEqual(
        callbacks.map((one) => [topic, one, `of ${one}`]),
      );
      expect(await store.secrets.listSecrets("intents", 0, 2)).toEqual([]);
    });

    test("are changed where they still are as they were read, and nothing else is", async () => {
      await using opened = await open();
      const { store } = opened;
      const before = await subscribe(store, { secret: "old" });
      const renewed = await subscribe(store, { callback: `${callback}?2`, secret: "newer" });
      await publish(store);
      const known = (await cut(store)).recipients;
      const changes = [before, renewed].map(({ id }) => ({ id, from: "old", to: "sealed" }));

      expect(await store.secrets.changeSecrets("subscriptions", [...changes, { id: 9999, from: "old", to: "x" }])).toBe(
        1,
      );
      expect(await store.secrets.changeSecrets("subscriptions", changes)).toBe(0);
      expect(await store.subscriptions.find(topic, callback)).toEqual({ ...before, secret: "sealed" });
      expect(await store.subscriptions.find(topic, `${callback}?2`)).toEqual(renewed);
      await opened.crash();
      const again = (await cut(opened.store)).recipients;
      expect(again).toEqual(known.map((one) => (one.secret === "old" ? { ...one, secret: "sealed" } : one)));
    });

    test("of an intent that is changed while it is verified is what the subscription gets", async () => {
      await using opened = await open();
      const { store } = opened;
      for (const secret of ["first", "second"]) {
        await store.intents.addIntent(intent({ secret }), start);
        const claim = await claimIntent(store);
        const { id } = only(await store.secrets.listSecrets("intents", 0, plenty));
        expect(await store.secrets.changeSecrets("intents", [{ id, from: secret, to: `${secret}, sealed` }])).toBe(1);
        expect(await store.intents.settleIntent(claim, { next: "apply", verifiedAt: start }, start)).toBe("settled");
        expect(await secretsOf(store, "subscriptions")).toEqual([`${secret}, sealed`]);
      }
    });

    test("are found by how they begin, wherever they are", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(intent({ secret: "a:b:c" }), start);
      expect(await store.secrets.hasSecret("a:b:")).toBe(true);
      await subscribe(store, { secret: "d:e" });
      expect(await Promise.all(["d:", "b:", "D:", "d:e:"].map((one) => store.secrets.hasSecret(one)))).toEqual([
        true,
        false,
        false,
        false,
      ]);
    });

    test("are sealed with keys that are written down, each once, until they are taken off", async () => {
      await using opened = await open();
      for (const id of ["b", "a", "b", "c"]) await opened.store.secrets.addKey(id);
      await opened.crash();
      expect(await opened.store.secrets.listKeys()).toEqual(["a", "b", "c"]);
      await opened.store.secrets.removeKeys(["c", "a", "z"]);
      expect(await opened.store.secrets.listKeys()).toEqual(["b"]);
    });
  });

  describe("§5.1 an intent with a sealed secret", () => {
    test("that equals the pair's newest one adds nothing, though no two seals are alike", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(sealed("s3cret"), start);
      await store.intents.addIntent(sealed("s3cret"), after(1));
      await Promise.all([2, 3].map((ms) => store.intents.addIntent(sealed("s3cret"), after(ms))));
      expect(await secretsOf(store, "intents")).toHaveLength(1);
    });

    test.each([
      { what: "of other content", next: () => sealed("other") },
      { what: "that is none", next: () => intent() },
      { what: "that cannot be opened", next: () => intent({ secret: `${found(sealed("s3cret").secret)}x` }) },
    ])("stays apart from one with a secret $what", async ({ next }) => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(sealed("s3cret"), start);
      await store.intents.addIntent(next(), start);
      await store.intents.settleIntent(await claimIntent(store), { next: "drop", reason: "refused" }, start);
      expect(await claimIntent(store)).toMatchObject({ topic, callback });
    });
  });
}
