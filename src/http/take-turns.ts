/** More would hold up what else there is to do: some 20 ms. */
const atOnce = 256;

/**
 * Has requests handled as they come, but no more than 256 in one turn of the event loop; those beyond wait for the next, first come, first
 * served. Without it timers wait for seconds in a crowd: Node is handed sockets that are ready for as long as there are a thousand of
 * them, and who has been answered asks again at once.
 */
export function createTakeTurns(): (handle: () => void) => void {
  const waiting: (() => void)[] = [];
  let handled = 0;

  function nextTurn(): void {
    const some = waiting.splice(0, atOnce);
    handled = some.length;
    if (handled > 0) setImmediate(nextTurn);
    for (const handle of some) handle();
  }

  return (handle) => {
    if (handled === atOnce || waiting.length > 0) return void waiting.push(handle);
    handled += 1;
    if (handled === 1) setImmediate(nextTurn);
    handle();
  };
}
