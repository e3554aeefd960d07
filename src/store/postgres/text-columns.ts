/** A text column takes no NUL; in what others tell us there may be one. */
export function toText(value: string | undefined): string | null {
  return value?.replaceAll("\0", "\uFFFD") ?? null;
}

/** A column of bytes keeps every string as it is. */
export function toBytes(value: string | undefined): Buffer | null {
  return value === undefined ? null : Buffer.from(value);
}

export function fromBytes(value: Buffer | null): string | null {
  return value?.toString() ?? null;
}
