import { type AnswerHead, type FramedHead, isField, notHttp, readHead, tooLarge } from "./answer-head.ts";
import { OutboundError } from "./failure.ts";

type Stage = "head" | "sized" | "chunk size" | "chunk" | "chunk end" | "trailer" | "until close" | "over";

/** For all that is not body, in one place: the head, interim answers, trailers. */
const mostHeadBytes = 16_384;
const mostLineBytes = 1024;
/** What reading a line costs more than as many bytes of body. */
const lineSurcharge = 100;
/** Heads, lines and pieces of a body that are read quickly. */
const mostSteps = 200;

/**
 * Reads one HTTP/1.1 answer (RFC 9112) to a request other than HEAD, as it comes in. Its head is kept; its body is counted, so
 * that one knows where it ends, and handed on. Interim answers (1xx) are passed over, as many as fit into one head; trailers are
 * dropped. Anything that two readers could understand differently is an error.
 */
export class AnswerReader {
  readonly #mostBytes: number;
  readonly #onBody: ((piece: Buffer) => void) | undefined;
  #stage: Stage = "head";
  /** What has come of a head that is not complete. */
  #held: Buffer | undefined;
  #heldBytes = 0;
  #interimBytes = 0;
  #trailerBytes = 0;
  /** What has come of a line that is not complete. */
  #line = "";
  #left = 0;
  #bytes = 0;
  #head: AnswerHead | undefined;
  #keepsAlive = false;

  /**
   * Of a body that is longer than `mostBytes`, or costs as much to read, the rest is not worth it. `onBody` gets it piece by piece,
   * each a part of what was pushed; absent: it is thrown away.
   */
  constructor(mostBytes: number, onBody?: (piece: Buffer) => void) {
    this.#mostBytes = mostBytes;
    this.#onBody = onBody;
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
    for (let at = 0; at < chunk.length;) at += this.pushSome(at === 0 ? chunk : chunk.subarray(at));
  }

  /** The same as far as it is done quickly, which of many tiny chunks is not far. Returns where that is. */
  pushSome(chunk: Buffer): number {
    let at = 0;
    for (let step = 0; at < chunk.length && this.#stage !== "over"; step += 1) {
      if (step === mostSteps) return at;
      at = this.#advance(chunk, at);
    }
    if (at < chunk.length) this.#keepsAlive = false;
    return chunk.length;
  }

  /** The connection has ended. Throws `broken` unless that is the end of the answer, too. */
  end(): void {
    switch (this.#stage) {
      case "over":
        return;
      case "until close":
        this.#stage = "over";
        return;
      case "head":
        throw new OutboundError("broken", "the peer broke off: it closed the connection without an answer");
      case "sized":
        throw new OutboundError("broken", "the body is not as long as Content-Length says");
      default:
        throw new OutboundError("broken", "the peer broke off: it closed the connection amid its answer");
    }
  }

  /** Returns where in the chunk it goes on. */
  #advance(chunk: Buffer, at: number): number {
    switch (this.#stage) {
      case "head":
        return this.#readHead(chunk, at);
      case "sized":
      case "chunk":
        return this.#readBody(chunk, at, this.#left);
      case "chunk size":
      case "chunk end":
      case "trailer":
        return this.#readLine(chunk, at);
      case "until close":
        return this.#readBody(chunk, at, Infinity);
      case "over":
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
    const head = readHead(text);
    if (head.status < 200) return this.#passOver(text, head);
    this.#head = head;
    this.#keepsAlive = head.keepsAlive;
    this.#beginBody(head);
  }

  #passOver(text: string, { hasBody }: FramedHead): void {
    if (hasBody) notHttp();
    this.#interimBytes += text.length;
    if (this.#interimBytes > mostHeadBytes) tooLarge();
  }

  #beginBody({ status, length, coding }: FramedHead): void {
    if (status === 204 || status === 304) this.#stage = "over";
    else if (coding !== undefined) this.#stage = coding === "chunked" ? "chunk size" : notHttp();
    else if (length === undefined) {
      this.#stage = "until close";
      this.#keepsAlive = false;
    } else this.#begin("sized", length);
  }

  #begin(stage: "sized" | "chunk", length: number): void {
    this.#stage = length === 0 ? "over" : stage;
    this.#left = length;
    if (this.#bytes + length > this.#mostBytes) this.#giveUp();
  }

  #readBody(chunk: Buffer, at: number, left: number): number {
    const end = Math.min(chunk.length, at + left);
    this.#left = left - (end - at);
    if (this.#left === 0) this.#stage = this.#stage === "sized" ? "over" : "chunk end";
    this.#count(end - at);
    this.#onBody?.(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    return end;
  }

  #readLine(chunk: Buffer, at: number): number {
    const found = chunk.indexOf(10, at);
    const end = found === -1 ? chunk.length : found + 1;
    if (this.#line.length + end - at > mostLineBytes) notHttp();
    this.#line += chunk.toString("latin1", at, end);
    if (found !== -1) {
      const line = this.#line;
      this.#line = "";
      this.#count(line.length + lineSurcharge);
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
        return this.#dropTrailer(text);
      default: // given up meanwhile
    }
  }

  #dropTrailer(text: string): void {
    if (text === "") this.#stage = "over";
    else if (!isField(text)) notHttp();
    this.#trailerBytes += text.length + 2;
    if (this.#trailerBytes > mostHeadBytes) tooLarge();
  }

  #beginChunk(text: string): void {
    if (!chunkSize.test(text)) notHttp();
    const size = Number.parseInt(text, 16);
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

/** With extensions (RFC 9112 section 7.1.1), which mean nothing to us. */
const chunkSize =
  /^[0-9a-f]{1,8}(?:;[!#$%&'*+.^_`|~0-9a-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9a-z-]+|"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*$/i;
