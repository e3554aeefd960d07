import { createSecretKey, type KeyObject } from "node:crypto";

const keyBytes = 32;

/** 32 bytes in base64, either alphabet, or in hex. As an object, which shows nothing of them. */
export function readSecretKey(text: string): KeyObject | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return createSecretKey(Buffer.from(text, "hex"));
  if (!/^[\w+/-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === keyBytes ? createSecretKey(bytes) : undefined;
}
