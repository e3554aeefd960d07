import { promisify } from "node:util";
import {
  brotliDecompress,
  type BrotliOptions,
  constants,
  gunzip,
  inflate,
  inflateRaw,
  type ZlibOptions,
  zstdDecompress,
  type ZstdOptions,
} from "node:zlib";
import { z } from "zod";

export type DecodedBody =
  | { readonly kind: "decoded"; readonly body: Buffer }
  | { readonly kind: "failed"; readonly reason: string };

type Decompress = (
  body: Buffer,
  options: BrotliOptions & ZlibOptions & ZstdOptions,
  done: (error: Error | null, result: unknown) => void,
) => void;

/** RFC 9659: no window over 8 MB in HTTP; without it a frame's header alone may claim 128 MiB. */
const zstdOptions: ZstdOptions = { params: { [constants.ZSTD_d_windowLogMax]: 23 } };

/** With `info: true`, which Node's types do not know. */
const resultSchema = z.object({ buffer: z.instanceof(Buffer), engine: z.object({ bytesWritten: z.number() }) });

/**
 * Takes a content coding off although none was asked for (identity is what the hub prefers). One
 * layer at most, and never more than `maxBytes` of output: chains and bombs cost memory and time.
 */
export async function decodeBody(body: Buffer, contentEncoding: string, maxBytes: number): Promise<DecodedBody> {
  const layers = contentEncoding.split(",").map((layer) => layer.trim().toLowerCase());
  const [coding, ...more] = layers.filter((layer) => layer !== "" && layer !== "identity");
  if (coding === undefined || body.length === 0) return { kind: "decoded", body };
  const decompress = decompressFor(coding, body);
  if (more.length > 0) return { kind: "failed", reason: "the body has more than one content coding" };
  if (decompress === undefined) return { kind: "failed", reason: "the body has an unknown content coding" };
  try {
    return { kind: "decoded", body: await decompressWhole(decompress, body, maxBytes) };
  } catch (error) {
    return { kind: "failed", reason: describe(error, coding, maxBytes) };
  }
}

function decompressFor(coding: string, body: Buffer): Decompress | undefined {
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return gunzip;
    case "deflate":
      return isZlibFormat(body) ? inflate : inflateRaw;
    case "br":
      return brotliDecompress;
    case "zstd":
      return (bytes, options, done) => zstdDecompress(bytes, { ...options, ...zstdOptions }, done);
    default:
      return undefined;
  }
}

/** "deflate" is zlib's format (RFC 9110 §8.4.1.2), but some servers send the bare stream. */
function isZlibFormat(body: Buffer): boolean {
  const first = body[0] ?? 0;
  return (first & 0x0f) === 8 && (first * 256 + (body[1] ?? 0)) % 31 === 0;
}

/** Throws when bytes are left over: Node reads one frame of several, and a topic is never delivered cut. */
async function decompressWhole(decompress: Decompress, body: Buffer, maxOutputLength: number): Promise<Buffer> {
  const options = { maxOutputLength, info: true };
  const { buffer, engine } = resultSchema.parse(await promisify(decompress)(body, options));
  // gunzip reads all members itself, and rightly skips padding after them.
  if (decompress !== gunzip && engine.bytesWritten !== body.length) throw new Error("bytes after the end");
  return buffer;
}

function describe(error: unknown, coding: string, maxBytes: number): string {
  const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
  if (isTooLarge) return `the decoded body is larger than ${maxBytes} bytes`;
  return `the body is not valid ${coding}`;
}
