import { OutboundError } from "./failure.ts";

/** A line for each header. Throws an OutboundError on what would not be one. */
export function headerLines(headers: Readonly<Record<string, string>>): string {
  let lines = "";
  for (const [name, value] of Object.entries(headers)) {
    assertSendable(name, value);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/** Throws an OutboundError. */
export function assertSendable(name: string, value: string): void {
  if (!token.test(name) || ownHeaders.test(name))
    throw new OutboundError("broken", `the header ${name} cannot be sent`);
  if (!fieldValue.test(value)) throw new OutboundError("broken", `the value of the header ${name} cannot be sent`);
}

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** RFC 9110 section 5.5, obs-text included. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Framing and connection belong to this layer. */
const ownHeaders = /^(?:host|content-length|connection|transfer-encoding|keep-alive|upgrade|expect)$/i;
