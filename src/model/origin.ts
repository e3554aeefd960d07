/** Scheme, host and port of an absolute http(s) URL, as the URL standard spells them: what limits are counted by. */
export function originOf(url: string): string {
  return new URL(url).origin;
}
