import type { Validators } from "../model/topic.ts";

export const noValidators: Validators = { etag: undefined, lastModified: undefined };

/** They are stored and sent again with every fetch; honest ones have a few dozen bytes. */
const maxValidatorChars = 1024;

/** Last-Modified counts whole seconds. */
const settledAfterMs = 1000;

/**
 * What the next conditional GET may send back. Policy: nothing when the content was modified less
 * than a second before it was served (RFC 9110 §8.8.2.2). A hub fetches right after a ping, and a
 * second change within that second would go by as 304, also where the ETag is made of time and size,
 * as nginx makes it. This costs one full answer; then the validators are kept. `now` stands in for
 * a missing Date.
 */
export function keepValidators(headers: Readonly<Record<string, string>>, now: Date): Validators {
  const etag = sendable(headers["etag"]);
  const lastModified = sendable(headers["last-modified"]);
  if (lastModified === undefined) return { etag, lastModified };
  const servedMs = Date.parse(headers["date"] ?? "") || now.getTime();
  const isSettling = servedMs - Date.parse(lastModified) < settledAfterMs;
  return isSettling ? noValidators : { etag, lastModified };
}

/** Absent when it could not be sent back as it came: the next fetch would fail for it. */
function sendable(value: string | undefined): string | undefined {
  if (value === undefined || value === "" || value.length > maxValidatorChars) return undefined;
  return /[^\t\x20-\x7e\x80-\xff]/.test(value) ? undefined : value;
}
