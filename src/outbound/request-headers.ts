import { OutboundError } from "./failure.ts";
import { headerFault } from "./header-lines.ts";

/**
 * Names and values in turn, as undici takes them, with `userAgent` where the request names none. Throws an OutboundError on
 * what undici would refuse: it must not reach undici, whose Pool counts a connection as busy for ever after such a request.
 */
export function requestHeaders(headers: Readonly<Record<string, string>>, userAgent: string): string[] {
  const flat: string[] = [];
  let named = false;
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value);
    if (fault !== undefined) throw new OutboundError("broken", fault);
    named ||= name.toLowerCase() === "user-agent";
    flat.push(name, value);
  }
  if (!named) flat.push("user-agent", userAgent);
  return flat;
}
