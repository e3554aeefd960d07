/** So many at a time for each key; whoever comes then waits for one of them to be done, first come, first served. */
export type Places = {
  /** Calls `start` once there is a place, at once if there is. Returns how to give it back, or to give up waiting; to be called once. */
  readonly take: (key: string, start: () => void) => () => void;
};

export function createPlaces(most: number): Places {
  const keys = new Map<string, { taken: number; readonly waiting: Set<() => void> }>();

  return {
    take(key, start) {
      const at = keys.get(key) ?? { taken: 0, waiting: new Set() };
      keys.set(key, at);
      if (at.taken < most) {
        at.taken += 1;
        start();
      } else at.waiting.add(start);

      return () => {
        if (at.waiting.delete(start)) return;
        const [next] = at.waiting;
        if (next !== undefined) {
          at.waiting.delete(next);
          next();
        } else {
          at.taken -= 1;
          if (at.taken === 0) keys.delete(key);
        }
      };
    },
  };
}
