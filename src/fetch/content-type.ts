import { isTokenValid, isTypeValid, parse } from "content-type";

const unknownType = "application/octet-stream";

/** A longer value is no type but a payload for somebody's parser. */
const maxTypeBytes = 256;

/**
 * The Content-Type a delivery carries (§7): the topic's own, exactly as it came, when it is a type
 * with parameters in printable ASCII of at most 256 bytes. Anything else, several values or none:
 * application/octet-stream.
 */
export function deliverableContentType(header: string | undefined): string {
  if (header === undefined || header.length > maxTypeBytes || /[^\t\x20-\x7e]/.test(header)) return unknownType;
  const { type, parameters, index } = parse(header, { comma: true });
  const isWhole = index >= header.length; // it stops early at a comma: two fields were joined
  const isValid = isTypeValid(type) && Object.keys(parameters).every((name) => isTokenValid(name));
  return isWhole && isValid ? header : unknownType;
}
