import { allocateLarge } from "../work/large-body.ts";

/** Collects at most `maxBytes` of a body. */
export type BodySink = {
  /** Bytes so far. */
  readonly length: number;
  /** False when `chunk` went over the limit; what fits was kept. */
  readonly push: (chunk: Buffer) => boolean;
  readonly take: () => Buffer;
  /** Nobody will take it. */
  readonly free: () => void;
};

const firstBytes = 16 * 1024;
/** More than that grows where it is. */
const mostCopiedBytes = 256 * 1024;

/**
 * One growing buffer instead of a list of chunks: a body in chunks of one byte would cost a hundred times its size as objects.
 * Grows with what has come, never with what Content-Length claims. What it outgrows is freed at once.
 */
export function createBodySink(maxBytes: number): BodySink {
  let storage = new ArrayBuffer(0);
  let length = 0;

  function grow(end: number): void {
    const bytes = Math.min(maxBytes, Math.max(end, storage.byteLength * 2, firstBytes));
    if (storage.resizable) storage.resize(bytes);
    else if (bytes <= mostCopiedBytes) storage = storage.transfer(bytes);
    else moveTo(allocateLarge(bytes, maxBytes));
  }

  function moveTo(larger: ArrayBuffer): void {
    Buffer.from(storage, 0, length).copy(Buffer.from(larger));
    storage.transfer(0);
    storage = larger;
  }

  return {
    get length() {
      return length;
    },
    push(chunk) {
      const end = Math.min(length + chunk.length, maxBytes);
      if (end > storage.byteLength) grow(end);
      chunk.copy(Buffer.from(storage), length, 0, end - length);
      const fits = end === length + chunk.length;
      length = end;
      return fits;
    },
    take() {
      if (storage.resizable) storage.resize(length);
      else storage = storage.transfer(length);
      return Buffer.from(storage, 0, length);
    },
    free() {
      storage.transfer(0);
      storage = new ArrayBuffer(0);
    },
  };
}
