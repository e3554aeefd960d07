/** Collects at most `maxBytes` of a body. */
export type BodySink = {
  /** Bytes so far. */
  readonly length: number;
  /** False when `chunk` went over the limit; what fits was kept. */
  readonly push: (chunk: Buffer) => boolean;
  readonly take: () => Buffer;
};

const firstBytes = 16 * 1024;
/** Who has sent so much may be believed how much there is to come. */
const mostDoubled = 256 * 1024;

/**
 * One growing buffer instead of a list of chunks: a body in chunks of one byte would cost a hundred times its size as objects.
 * It doubles, and once 256 KiB have come takes at once what `claimedBytes`, if any, says. What it outgrows is freed at once.
 */
export function createBodySink(maxBytes: number, claimedBytes: () => number | undefined): BodySink {
  let storage = new ArrayBuffer(0);
  let length = 0;

  function sizeFor(end: number): number {
    const claimed = end > mostDoubled ? (claimedBytes() ?? 0) : 0;
    return Math.min(maxBytes, claimed >= end ? claimed : Math.max(end, storage.byteLength * 2, firstBytes));
  }

  return {
    get length() {
      return length;
    },
    push(chunk) {
      const end = Math.min(length + chunk.length, maxBytes);
      if (end > storage.byteLength) storage = storage.transfer(sizeFor(end));
      chunk.copy(Buffer.from(storage), length, 0, end - length);
      const fits = end === length + chunk.length;
      length = end;
      return fits;
    },
    take: () => Buffer.from(length === storage.byteLength ? storage : storage.transfer(length)),
  };
}
