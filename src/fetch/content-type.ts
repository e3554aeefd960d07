const unknownType = "application/octet-stream";

/** A longer value is no type but a payload for somebody's parser. */
const maxTypeBytes = 256;

// RFC 6838 §4.2 for the names of types, RFC 9110 §5.6 for parameters. No blank can be read in two ways, so that a value that
// is none costs no more than one that is.
const typeName = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*";
const token = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
const quoted = String.raw`"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"`;
const mediaType = new RegExp(
  String.raw`^${typeName}/${typeName}(?:[\t ]*;(?:[\t ]*${token}=(?:${token}|${quoted}))?)*[\t ]*$`,
);

/**
 * The Content-Type a delivery carries (§7): the topic's own, exactly as it came, when it is a type
 * with parameters in printable ASCII of at most 256 bytes. Anything else, several values or none:
 * application/octet-stream.
 */
export function deliverableContentType(header: string | undefined): string {
  if (header === undefined || header.length > maxTypeBytes) return unknownType;
  return mediaType.test(header) ? header : unknownType;
}
