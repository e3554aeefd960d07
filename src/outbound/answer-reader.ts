import { OutboundError } from "./failure.ts";

/** What a delivery's answer is judged by. */
export type AnswerHead = { readonly status: number; readonly retryAfter: string | undefined };

type Stage = "head" | "sized" | "chunk size" | "chunk" | "trailer" | "until close" | "over";

const mostHeadChars = 16_384;
const mostLineChars = 1024;

/**
 * Reads one HTTP/1.1 answer (RFC 9112) to a request other than HEAD, as it comes in. Its head is kept; its body is counted, so
 * that one knows where it ends, and thrown away. Interim answers (1xx) are passed over. Anything that two readers could
 * understand differently is an error.
 */
export class AnswerReader {
  readonly #mostBytes: number;
  #stage: Stage = "head";
  /** What has come of a head or a line that is not complete. */
  #text = "";
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
      case "trailer":
        return this.#readLine(chunk, at);
      case "until close":
      case "over":
        return this.#count(chunk.length - at, chunk.length);
    }
  }

  #readHead(chunk: Buffer, at: number): number {
    const before = this.#text.length;
    const text = this.#text + chunk.toString("latin1", at);
    const end = text.indexOf("\r\n\r\n", Math.max(0, before - 3));
    if ((end === -1 ? text.length : end) > mostHeadChars) {
      throw new OutboundError("broken", "the header fields of the answer are too large");
    }
    this.#text = end === -1 ? text : "";
    if (end === -1) return chunk.length;
    this.#takeHead(text.slice(0, end));
    return at + end + 4 - before;
  }

  #takeHead(text: string): void {
    const [first = "", ...fields] = text.split("\r\n");
    const [, minor, code = ""] = statusLine.exec(first) ?? notHttp();
    const status = Number(code);
    if (status === 101) throw new OutboundError("broken", "the peer switched protocols unasked");
    if (status < 200) return;
    const { length, coding, connection, retryAfter } = readFields(fields);
    this.#head = { status, retryAfter };
    this.#keepsAlive = minor === "1" ? !connection.includes("close") : connection.includes("keep-alive");
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
    if (this.#left === 0) this.#stage = this.#stage === "sized" ? "over" : "chunk size";
    return this.#count(skipped, at + skipped);
  }

  #readLine(chunk: Buffer, at: number): number {
    const found = chunk.indexOf(10, at);
    const end = found === -1 ? chunk.length : found + 1;
    this.#text += chunk.toString("latin1", at, end);
    if (this.#text.length > mostLineChars) notHttp();
    if (found !== -1) {
      const line = this.#text;
      this.#text = "";
      this.#takeLine(line);
    }
    return this.#count(end - at, end);
  }

  #takeLine(line: string): void {
    if (this.#stage === "trailer") {
      if (line === "\r\n") this.#stage = "over";
      return;
    }
    const [, hex = ""] = chunkLine.exec(line) ?? notHttp();
    const size = Number.parseInt(hex, 16);
    if (size === 0) this.#stage = "trailer";
    else this.#begin("chunk", size + 2); // with the end of its line
  }

  #count(bytes: number, at: number): number {
    this.#bytes += bytes;
    if (this.#bytes > this.#mostBytes && this.#stage !== "over") this.#giveUp();
    return at;
  }

  #giveUp(): void {
    this.#stage = "over";
    this.#keepsAlive = false;
  }
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/;
const chunkLine = /^([0-9a-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n$/i;

type Fields = {
  readonly length: number | undefined;
  readonly coding: string | undefined;
  readonly connection: readonly string[];
  readonly retryAfter: string | undefined;
};

/** The fields that matter, lower case where they are tokens. */
function readFields(lines: readonly string[]): Fields {
  const values = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = fieldLine.exec(line) ?? notHttp();
    const key = name.toLowerCase();
    if (!wanted.has(key)) continue;
    const known = values.get(key);
    values.set(key, known === undefined ? value.trim() : `${known}, ${value.trim()}`);
  }
  const length = values.get("content-length");
  const coding = values.get("transfer-encoding")?.toLowerCase();
  if (length !== undefined && (coding !== undefined || !/^\d{1,15}$/.test(length))) notHttp();
  return {
    length: length === undefined ? undefined : Number(length),
    coding,
    connection: (values.get("connection") ?? "").toLowerCase().split(/[\t ]*,[\t ]*/),
    retryAfter: values.get("retry-after"),
  };
}

const wanted: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "connection", "retry-after"]);

function notHttp(): never {
  throw new OutboundError("broken", "the answer is not valid HTTP");
}
