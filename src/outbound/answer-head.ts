import { OutboundError } from "./failure.ts";

export type AnswerHead = {
  readonly status: number;
  /** Lower-case names; repeated fields joined by ", ". */
  readonly fields: ReadonlyMap<string, string>;
};

/** With what it says of the body and the connection. */
export type FramedHead = AnswerHead & {
  readonly length: number | undefined;
  /** The transfer coding, in lower case. */
  readonly coding: string | undefined;
  /** Something is said to follow. */
  readonly hasBody: boolean;
  readonly keepsAlive: boolean;
};

/** Each costs as much as a thousand bytes of body, and nobody honest sends more than some dozens. */
const mostFields = 256;

/** The head of an answer, without the empty line that ends it. Throws `broken` for what is none, or could be read in two ways. */
export function readHead(text: string): FramedHead {
  const [first = "", ...lines] = text.split("\r\n", mostFields + 2);
  if (lines.length > mostFields) tooLarge();
  const [, minor, code = ""] = statusLine.exec(first) ?? notHttp();
  const status = Number(code);
  if (status === 101) throw new OutboundError("broken", "the peer switched protocols unasked");
  const fields = readFields(lines);
  const framing = readFraming(fields);
  return { status, fields, ...framing, keepsAlive: keepsAlive(status, minor === "1", fields, framing) };
}

export function isField(line: string): boolean {
  return fieldLine.test(line);
}

export function tooLarge(): never {
  throw new OutboundError("broken", "the header fields of the answer are too large");
}

export function notHttp(): never {
  throw new OutboundError("broken", "the answer is not valid HTTP");
}

// Both of them linear: no two parts in a row match the same character.
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/;

function readFields(lines: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", text = ""] = fieldLine.exec(line) ?? notHttp();
    const key = name.toLowerCase();
    const known = fields.get(key);
    const value = withoutBlanks(text);
    fields.set(key, known === undefined ? value : `${known}, ${value}`);
  }
  return fields;
}

type Framing = Pick<FramedHead, "length" | "coding" | "hasBody">;

function readFraming(fields: ReadonlyMap<string, string>): Framing {
  const length = fields.get("content-length");
  const coding = fields.get("transfer-encoding")?.toLowerCase();
  if (length !== undefined && (coding !== undefined || !/^\d{1,15}$/.test(length))) notHttp();
  return {
    length: length === undefined ? undefined : Number(length),
    coding,
    hasBody: coding !== undefined || Number(length ?? 0) > 0,
  };
}

/** Not where it is doubtful whether a body follows: it would be taken for the next answer. */
function keepsAlive(
  status: number,
  isCurrent: boolean,
  fields: ReadonlyMap<string, string>,
  { coding, hasBody }: Framing,
): boolean {
  const connection = tokens(fields.get("connection"));
  if (connection.includes("close") || ((status === 204 || status === 304) && hasBody)) return false;
  return isCurrent || (connection.includes("keep-alive") && coding === undefined);
}

const none: readonly string[] = [];

function tokens(value: string | undefined): readonly string[] {
  return value === undefined ? none : value.toLowerCase().split(",").map(withoutBlanks);
}

/** Without white space as HTTP means it (RFC 9110 section 5.6.3); `trim` would take away more. */
function withoutBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
