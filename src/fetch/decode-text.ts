import { parse } from "content-type";

/**
 * Bytes as text, for discovery only: deliveries carry the bytes themselves. A byte order mark counts
 * first, then the charset parameter, else UTF-8; what is malformed becomes U+FFFD, never an error.
 */
export function decodeText(bytes: Buffer, contentType: string): string {
  const charset = charsetByMark(bytes) ?? parse(contentType).parameters["charset"] ?? "utf-8";
  return decode(bytes, charset) ?? decode(bytes, "utf-8") ?? "";
}

function charsetByMark(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  return undefined;
}

/** Absent when nobody knows the charset; URLs are ASCII in nearly all of them. */
function decode(bytes: Buffer, charset: string): string | undefined {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return undefined;
  }
}
