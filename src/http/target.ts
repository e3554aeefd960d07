// The request target (RFC 9112, 3.2) as it came. What stands before the path in one that is absolute is nobody's concern: the hub
// knows its own name.

export function pathOf(target = ""): string {
  const path = withoutOrigin(target);
  const at = path.search(/[?#]/);
  return (at === -1 ? path : path.slice(0, at)) || "/";
}

export function queryOf(target = ""): string | undefined {
  const at = target.indexOf("?");
  return at === -1 ? undefined : target.slice(at + 1);
}

function withoutOrigin(target: string): string {
  return target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/?#]*/i, "");
}
