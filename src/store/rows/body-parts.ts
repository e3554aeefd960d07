import type { FetchClaim } from "../../model/topic.ts";

/** What is larger is stored in parts of so much, so that no statement carries more. Small pieces of memory are used again, larger ones not. */
const partBytes = 128 * 1024;

export function isLargeBody(body: Buffer): boolean {
  return body.length > partBytes;
}

/** In their order, sharing the body's memory. */
export function partsOf(body: Buffer): readonly Buffer[] {
  const count = Math.ceil(body.length / partBytes);
  return Array.from({ length: count }, (_, i) => body.subarray(i * partBytes, (i + 1) * partBytes));
}

/** What the publication's own row holds of a body. */
export function toBodyColumns(
  body: Buffer,
  name: string,
): { readonly body: Buffer; readonly largeBody: string | null } {
  return isLargeBody(body) ? { body: Buffer.alloc(0), largeBody: name } : { body, largeBody: null };
}

/** The name of the body that a claimed fetch has brought: no other claim has it. */
export function bodyNameOf({ token, topicId }: FetchClaim): string {
  return `${token}/${topicId}`;
}
