/** Collects at most `maxBytes` of a body. */
export type BodySink = {
  /** False when `chunk` went over the limit; what fits was kept. */
  readonly push: (chunk: Buffer) => boolean;
  readonly take: () => Buffer;
};

const firstBytes = 16 * 1024;

/**
 * One growing buffer instead of a list of chunks: a body in chunks of one byte would cost a hundred times its size as objects.
 * Grows with what has come, never with what Content-Length claims.
 */
export function createBodySink(maxBytes: number): BodySink {
  let storage = Buffer.alloc(0);
  let length = 0;

  return {
    push(chunk) {
      const end = Math.min(length + chunk.length, maxBytes);
      if (end > storage.length)
        storage = grow(storage, length, Math.min(maxBytes, Math.max(end, storage.length * 2, firstBytes)));
      chunk.copy(storage, length, 0, end - length);
      const fits = end === length + chunk.length;
      length = end;
      return fits;
    },
    take: () => (length === storage.length ? storage : Buffer.from(storage.subarray(0, length))),
  };
}

function grow(storage: Buffer, length: number, capacity: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(capacity);
  storage.copy(larger, 0, 0, length);
  return larger;
}
