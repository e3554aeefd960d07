/**
 * Calls `stop` when `signal` aborts; returns how to take that back. One listener per signal, however many exchanges share it:
 * with thousands in flight, EventTarget's own list is searched from the front for each of them.
 */
export type OnAbort = (signal: AbortSignal, stop: () => void) => () => void;

export function createAbortRegistry(): OnAbort {
  const stopsOf = new WeakMap<AbortSignal, Set<() => void>>();

  return (signal, stop) => {
    const stops = stopsOf.get(signal) ?? listen(signal);
    stops.add(stop);
    return () => {
      stops.delete(stop);
    };
  };

  function listen(signal: AbortSignal): Set<() => void> {
    const stops = new Set<() => void>();
    stopsOf.set(signal, stops);
    signal.addEventListener("abort", () => stops.forEach((stop) => stop()), { once: true });
    return stops;
  }
}
