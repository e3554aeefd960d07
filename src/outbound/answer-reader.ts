import { OutboundError } from "./failure.ts";

/** What a delivery's answer is judged by. */
export type AnswerHead = { readonly status: number; readonly retryAfter: string | undefined };

type Stage = "head" | "sized" | "chunk size" | "chunk" | "chunk end" | "trailer" | "until close" | "over";

const mostHeadBytes = 16_384;
const mostLineBytes = 1024;

/**
 * Reads one HTTP/1.1 answer (RFC 9112) to a request other than HEAD, as it comes in. Its head is kept; its body is counted, so
 * that one knows where it ends, and thrown away. Interim answers (1xx) are passed over, as many as fit into one head. Anything
 * that two readers could understand differently is an error.
 */
export class AnswerReader {
  readonly #mostBytes: number;
  #stage: Stage = "head";
  /** What has come of a head that is not complete. */
  #held: Buffer | undefined;
  #heldBytes = 0;
  #interimBytes = 0;
  /** What has come of a line that is not complete. */
  #line = "";
  #left = 0;
  #bytes = 0;
  #head: AnswerHead | undefined;
  #keepsAlive = false;

  /** Of a body longer than `mostBytes` the rest is not worth reading. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get head(): AnswerHead | undefined {
    return this.#head;
  }

  /** It has ended, or is not worth reading on. */
  get isOver(): boolean {
    return this.#stage === "over";
  }

  /** Once it is over: the connection can take the next request. */
  get keepsAlive(): boolean {
    return this.#keepsAlive;
  }

  /** Throws `broken` for what is no answer. With the head already there that stands, but the connection is of no more use. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#stage !== "over") at = this.#advance(chunk, at);
    if (at < chunk.length) this.#keepsAlive = false;
  }

  /** Returns where in the chunk it goes on. */
  #advance(chunk: Buffer, at: number): number {
    switch (this.#stage) {
      case "head":
        return this.#readHead(chunk, at);
      case "sized":
      case "chunk":
        return this.#skip(chunk, at);
      case "chunk size":
      case "chunk end":
      case "trailer":
        return this.#readLine(chunk, at);
      case "until close":
      case "over":
        this.#count(chunk.length - at);
        return chunk.length;
    }
  }

  /** Each byte is looked at once or twice, however small the pieces, and however many heads there are in one. */
  #readHead(chunk: Buffer, at: number): number {
    if (this.#held !== undefined) return this.#readHeldHead(this.#held, chunk, at);
    const end = chunk.indexOf(headEnd, at);
    if (end !== -1 && end - at <= mostHeadBytes) {
      this.#takeHead(chunk.toString("latin1", at, end));
      return end + headEnd.length;
    }
    this.#held = Buffer.allocUnsafe(mostHeadBytes + headEnd.length);
    return this.#readHeldHead(this.#held, chunk, at);
  }

  #readHeldHead(held: Buffer, chunk: Buffer, at: number): number {
    const before = this.#heldBytes;
    const bytes = before + chunk.copy(held, before, at);
    const end = held.subarray(0, bytes).indexOf(headEnd, Math.max(0, before - headEnd.length + 1));
    this.#heldBytes = end === -1 ? bytes : 0;
    if (end !== -1) {
      this.#held = undefined;
      this.#takeHead(held.toString("latin1", 0, end));
      return at + end + headEnd.length - before;
    }
    if (bytes === held.length) tooLarge();
    if (!"HTTP/1.".startsWith(held.toString("latin1", 0, Math.min(bytes, 7)))) notHttp();
    return chunk.length;
  }

  #takeHead(text: string): void {
    const [first = "", ...lines] = text.split("\r\n");
    const [, minor, code = ""] = statusLine.exec(first) ?? notHttp();
    const status = Number(code);
    if (status === 101) throw new OutboundError("broken", "the peer switched protocols unasked");
    const fields = readFields(lines);
    if (status < 200) return this.#passOver(text, fields);
    this.#head = { status, retryAfter: fields.retryAfter };
    this.#keepsAlive = keepsAlive(status, minor === "1", fields);
    this.#beginBody(status, fields);
  }

  #passOver(text: string, { hasBody }: Fields): void {
    if (hasBody) notHttp();
    this.#interimBytes += text.length;
    if (this.#interimBytes > mostHeadBytes) tooLarge();
  }

  #beginBody(status: number, { length, coding }: Fields): void {
    if (status === 204 || status === 304) this.#stage = "over";
    else if (coding !== undefined) this.#stage = coding === "chunked" ? "chunk size" : this.#untilClose();
    else if (length === undefined) this.#stage = this.#untilClose();
    else this.#begin("sized", length);
  }

  #untilClose(): Stage {
    this.#keepsAlive = false;
    return "until close";
  }

  #begin(stage: "sized" | "chunk", length: number): void {
    this.#stage = length === 0 ? "over" : stage;
    this.#left = length;
    if (this.#bytes + length > this.#mostBytes) this.#giveUp();
  }

  #skip(chunk: Buffer, at: number): number {
    const skipped = Math.min(this.#left, chunk.length - at);
    this.#left -= skipped;
    if (this.#left === 0) this.#stage = this.#stage === "sized" ? "over" : "chunk end";
    this.#count(skipped);
    return at + skipped;
  }

  #readLine(chunk: Buffer, at: number): number {
    const found = chunk.indexOf(10, at);
    const end = found === -1 ? chunk.length : found + 1;
    if (this.#line.length + end - at > mostLineBytes) notHttp();
    this.#line += chunk.toString("latin1", at, end);
    if (found !== -1) {
      const line = this.#line;
      this.#line = "";
      this.#count(line.length);
      this.#takeLine(line);
    }
    return end;
  }

  #takeLine(line: string): void {
    if (!line.endsWith("\r\n")) notHttp();
    const text = line.slice(0, -2);
    switch (this.#stage) {
      case "chunk size":
        return this.#beginChunk(text);
      case "chunk end":
        if (text !== "") notHttp();
        this.#stage = "chunk size";
        return;
      case "trailer":
        if (text === "") this.#stage = "over";
        else if (!fieldLine.test(text)) notHttp();
        return;
      default: // given up meanwhile
    }
  }

  #beginChunk(hex: string): void {
    if (!chunkSize.test(hex)) notHttp();
    const size = Number.parseInt(hex, 16);
    if (size === 0) this.#stage = "trailer";
    else this.#begin("chunk", size);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#mostBytes && this.#stage !== "over") this.#giveUp();
  }

  #giveUp(): void {
    this.#stage = "over";
    this.#keepsAlive = false;
  }
}

const headEnd = Buffer.from("\r\n\r\n");

// All of them linear: no two parts in a row match the same character.
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/;
/** Nobody uses extensions but to have two readers disagree. */
const chunkSize = /^[0-9a-f]{1,8}$/i;

type Fields = {
  readonly length: number | undefined;
  readonly coding: string | undefined;
  readonly connection: readonly string[];
  readonly retryAfter: string | undefined;
  /** Something is said to follow. */
  readonly hasBody: boolean;
};

/** The fields that matter, lower case where they are tokens. */
function readFields(lines: readonly string[]): Fields {
  const values = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", text = ""] = fieldLine.exec(line) ?? notHttp();
    const key = name.toLowerCase();
    if (!wanted.has(key)) continue;
    const known = values.get(key);
    const value = withoutBlanks(text);
    values.set(key, known === undefined ? value : `${known}, ${value}`);
  }
  const length = values.get("content-length");
  const coding = values.get("transfer-encoding")?.toLowerCase();
  if (length !== undefined && (coding !== undefined || !/^\d{1,15}$/.test(length))) notHttp();
  return {
    length: length === undefined ? undefined : Number(length),
    coding,
    connection: tokens(values.get("connection")),
    retryAfter: values.get("retry-after"),
    hasBody: coding !== undefined || Number(length ?? 0) > 0,
  };
}

const wanted: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "connection", "retry-after"]);

/** Not where it is doubtful whether a body follows: it would be taken for the next answer. */
function keepsAlive(status: number, isCurrent: boolean, { connection, coding, hasBody }: Fields): boolean {
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

function tooLarge(): never {
  throw new OutboundError("broken", "the header fields of the answer are too large");
}

function notHttp(): never {
  throw new OutboundError("broken", "the answer is not valid HTTP");
}
