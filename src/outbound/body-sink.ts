/** Collects at most `maxBytes` of a body. */
export type BodySink = {
  /** Bytes so far. */
  readonly length: number;
  /** False when `chunk` went over the limit; what fits was kept. */
  readonly push: (chunk: Buffer) => boolean;
  readonly take: () => Buffer;
};

const firstBytes = 16 * 1024;

/**
 * One growing buffer instead of a list of chunks: a body in chunks of one byte would cost a hundred times its size as objects.
 * Grows with what has come, never with what Content-Length claims. What it outgrows is freed at once.
 */
export function createBodySink(maxBytes: number): BodySink {
  let storage = new ArrayBuffer(0);
  let length = 0;

  return {
    get length() {
      return length;
    },
    push(chunk) {
      const end = Math.min(length + chunk.length, maxBytes);
      if (end > storage.byteLength) {
        storage = storage.transfer(Math.min(maxBytes, Math.max(end, storage.byteLength * 2, firstBytes)));
      }
      chunk.copy(Buffer.from(storage), length, 0, end - length);
      const fits = end === length + chunk.length;
      length = end;
      return fits;
    },
    take: () => Buffer.from(storage.transfer(length)),
  };
}
