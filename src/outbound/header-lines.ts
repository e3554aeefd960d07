import { failed, type Failed } from "./failure.ts";

/** A line for each header; or, if one of them would not be a line, the failure of every request that has it. */
export function headerLines(headers: Readonly<Record<string, string>>): string | Failed {
  let lines = "";
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value);
    if (fault !== undefined) return failed("broken", fault);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/** Why a header cannot be sent; `undefined` if it can. */
export function headerFault(name: string, value: string): string | undefined {
  if (!token.test(name) || ownHeaders.test(name)) return `the header ${name} cannot be sent`;
  return fieldValue.test(value) ? undefined : `the value of the header ${name} cannot be sent`;
}

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** RFC 9110 section 5.5, obs-text included. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Framing and connection belong to this layer. */
const ownHeaders = /^(?:host|content-length|connection|transfer-encoding|keep-alive|upgrade|expect)$/i;
