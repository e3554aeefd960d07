/** A body that is larger counts in a budget, is sent in slices that are copied, and is freed as soon as it is needed no more. */
export const largeBytes = 64 * 1024;

/**
 * Memory for a body that grows to `mostBytes` at the most (`resize`). It is had from the system and goes back there when it is freed;
 * C's allocator would keep what bodies of 10 MB leave behind.
 */
export function allocateLarge(bytes: number, mostBytes = bytes): ArrayBuffer {
  return new ArrayBuffer(bytes, { maxByteLength: mostBytes });
}

/**
 * Gives the memory of a large body back at once. What lies outside of V8's heap is collected late, and 10 MB that nobody needs
 * any more soon are hundreds. Whoever still reads it finds it empty. A smaller one may be with the system, to be sent, and stays.
 */
export function freeLargeBody(body: Buffer): void {
  if (body.byteLength > largeBytes) freeWhole(body);
}

/** Frees memory of which nothing else is a part. */
export function freeWhole({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
