/** A body that is larger counts in a budget, is sent in slices that are copied, and is freed as soon as it is needed no more. */
export const largeBytes = 64 * 1024;

/**
 * Gives the memory of a large body back at once. What lies outside of V8's heap is collected late, and 10 MB that nobody needs
 * any more soon are hundreds. Whoever still reads it finds it empty. A smaller one may be with the system, to be sent, and stays.
 */
export function freeLargeBody({ buffer, byteLength }: Buffer): void {
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isWhole && byteLength > largeBytes) buffer.transfer(0);
}
