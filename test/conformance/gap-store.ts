import { describe, expect, test } from "vitest";

import { after, type OpenStore, start } from "./support.ts";

const hour = 3_600_000;

export function describeGapStore(open: OpenStore): void {
  describe("gaps", () => {
    test("a hub was last seen when it last told that it runs", async () => {
      await using opened = await open();
      expect(await opened.store.gaps.lastSeen()).toBeUndefined();
      await opened.store.assertWritable(start);
      await opened.store.assertWritable(after(hour));
      await opened.crash();
      expect(await opened.store.gaps.lastSeen()).toEqual(after(hour));
    });

    test("are remembered until they are long over; told twice, one is one, and as long as the longer", async () => {
      await using opened = await open();
      const { gaps } = opened.store;
      const [first, second] = [
        { from: start, until: after(hour) },
        { from: after(3 * hour), until: after(4 * hour) },
      ];
      await gaps.add(second, start);
      for (const until of [after(2 * hour), after(hour)]) await gaps.add({ ...first, until }, start);
      expect(await gaps.list()).toEqual([{ ...first, until: after(2 * hour) }, second]);

      const third = { from: after(5 * hour), until: after(6 * hour) };
      await gaps.add(third, after(2 * hour + 1));
      await opened.crash();
      expect(await opened.store.gaps.list()).toEqual([second, third]);
    });
  });
}
