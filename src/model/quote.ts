/** As much of a stranger's value as helps to recognise it, on one line. */
export function quote(value: string): string {
  const oneLine = value.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "\uFFFD");
  return `"${oneLine.length > 200 ? `${oneLine.slice(0, 200)}…` : oneLine}"`;
}

/** The same for a callback, which is a capability: without user, password and query, which its sender knows. */
export function quoteCallback(value: string): string {
  return quote(value.replace(/\/\/[^/?#]*@/, "//…@").replace(/[?#].*/s, "?…"));
}
