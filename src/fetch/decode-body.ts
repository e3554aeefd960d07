import type { Transform } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  Gunzip,
} from "node:zlib";

import { freeLargeBody } from "../work/large-body.ts";

export type DecodedBody =
  | { readonly kind: "decoded"; readonly body: Buffer }
  | { readonly kind: "failed"; readonly reason: string };

type Decoder = Transform & { readonly bytesWritten: number };

/** What it gives at a time. Each is a piece of memory of its own, so that it can be freed. */
const chunkSize = 256 * 1024;

/** RFC 9659: no window over 8 MB in HTTP; without it a frame's header alone may claim 128 MiB. */
const zstdParams = { [constants.ZSTD_d_windowLogMax]: 23 };

/**
 * Takes a content coding off although none was asked for (identity is what the hub prefers). One
 * layer at most, and never more than `maxBytes` of output: chains and bombs cost memory and time.
 */
export async function decodeBody(body: Buffer, contentEncoding: string, maxBytes: number): Promise<DecodedBody> {
  const layers = contentEncoding.split(",").map((layer) => layer.trim().toLowerCase());
  const [coding, ...more] = layers.filter((layer) => layer !== "" && layer !== "identity");
  if (coding === undefined || body.length === 0) return { kind: "decoded", body };
  const decoder = decoderFor(coding, body);
  if (more.length > 0) return { kind: "failed", reason: "the body has more than one content coding" };
  if (decoder === undefined) return { kind: "failed", reason: "the body has an unknown content coding" };
  try {
    return { kind: "decoded", body: await decodeWhole(decoder, body, maxBytes) };
  } catch (error) {
    return { kind: "failed", reason: describe(error, coding, maxBytes) };
  }
}

function decoderFor(coding: string, body: Buffer): Decoder | undefined {
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return createGunzip({ chunkSize });
    case "deflate":
      return isZlibFormat(body) ? createInflate({ chunkSize }) : createInflateRaw({ chunkSize });
    case "br":
      return createBrotliDecompress({ chunkSize });
    case "zstd":
      return createZstdDecompress({ chunkSize, params: zstdParams });
    default:
      return undefined;
  }
}

/** "deflate" is zlib's format (RFC 9110 §8.4.1.2), but some servers send the bare stream. */
function isZlibFormat(body: Buffer): boolean {
  const first = body[0] ?? 0;
  return (first & 0x0f) === 8 && (first * 256 + (body[1] ?? 0)) % 31 === 0;
}

class TooLarge extends Error {}

/** Throws when bytes are left over: Node reads one frame of several, and a topic is never delivered cut. */
async function decodeWhole(decoder: Decoder, body: Buffer, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    decoder.end(body);
    for await (const part of decoder as AsyncIterable<Buffer>) {
      parts.push(part);
      length += part.length;
      if (length > maxBytes) throw new TooLarge();
    }
    // Gzip's reads all members itself, and rightly skips padding after them.
    if (!(decoder instanceof Gunzip) && decoder.bytesWritten !== body.length) throw new Error("bytes after the end");
    return Buffer.concat(parts, length);
  } finally {
    for (const part of parts) freeLargeBody(part);
  }
}

function describe(error: unknown, coding: string, maxBytes: number): string {
  if (error instanceof TooLarge) return `the decoded body is larger than ${maxBytes} bytes`;
  return `the body is not valid ${coding}`;
}
