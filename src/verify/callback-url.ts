/**
 * The callback with parameters appended to its query (§5.1.1, §5.2). What stands there is kept byte for byte and comes
 * first, also parameters of the same name. `undefined` values are left out.
 */
export function appendToCallback(callback: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const query = Object.entries(parameters)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
    .join("&");
  return `${callback}${joint(callback)}${query}`;
}

function joint(callback: string): string {
  const mark = callback.indexOf("?");
  if (mark === -1) return "?";
  return mark === callback.length - 1 ? "" : "&";
}
