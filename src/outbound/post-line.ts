import type { Socket } from "node:net";

import type { AnswerHead } from "./answer-head.ts";
import { AnswerReader } from "./answer-reader.ts";
import { BodySending } from "./body-sending.ts";
import { failed, type Failed, failureOf } from "./failure.ts";

/** What is read of an answer nobody looks at, so that its connection can be used again. */
const mostAnswerBytes = 16_384;

export type LineOwner = {
  /** The status line is there; the rest is still to come. */
  readonly onHead: (line: PostLine, head: AnswerHead) => void;
  /** The answer has ended, and the next request can be sent. */
  readonly onFree: (line: PostLine) => void;
  /** The connection is gone. Called once. */
  readonly onClosed: (line: PostLine) => void;
};

/** One connection, for one request after the other. */
export class PostLine {
  readonly #socket: Socket;
  readonly #owner: LineOwner;
  #reader: AnswerReader | undefined;
  #sending: BodySending | undefined;
  #isLast = false;
  #requests = 0;
  #isHeard = false;
  #error: unknown;

  constructor(socket: Socket, owner: LineOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.on("data", this.#read);
    socket.on("error", (error) => this.#fail(error));
    socket.once("end", () => this.close()); // at once: Node would first send what can no longer be answered
    socket.once("close", () => owner.onClosed(this));
  }

  /** What has been read of the answer under way. */
  get head(): AnswerHead | undefined {
    return this.#reader?.head;
  }

  /** The connection is closed after the answer under way. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /** It has been used before, and not a byte has come since: the peer may have closed it before it saw the request. */
  get isStale(): boolean {
    return this.#requests > 1 && !this.#isHeard;
  }

  /** Why it came to nothing; once it is closed. */
  get failure(): Failed {
    if (this.#error !== undefined) return failureOf(this.#error);
    return failed("broken", "the peer broke off: it closed the connection without an answer");
  }

  /** `head`: request line and fields. What was sent before has been answered. */
  send(head: string, body: Buffer, isLast: boolean): void {
    this.#reader = new AnswerReader(mostAnswerBytes);
    this.#isLast = isLast;
    this.#requests += 1;
    this.#isHeard = false;
    const connection = isLast ? "close" : "keep-alive";
    const socket = this.#socket;
    socket.cork();
    socket.write(`${head}connection: ${connection}\r\ncontent-length: ${body.length}\r\n\r\n`, "latin1");
    this.#sending = new BodySending(socket, body);
    socket.uncork();
  }

  close(): void {
    this.#socket.destroy();
  }

  readonly #read = (chunk: Buffer): void => {
    const reader = this.#reader;
    if (reader === undefined) return this.close(); // nobody has asked
    this.#isHeard = true;
    const isNews = reader.head === undefined;
    try {
      reader.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
    if (isNews && reader.head !== undefined) this.#owner.onHead(this, reader.head);
    if (reader.isOver) this.#end(reader);
  };

  #end(reader: AnswerReader): void {
    // An answer to half a request: the rest of it would be taken for the next one.
    const isWritten = this.#sending?.isDone === true && this.#socket.writableLength === 0;
    if (!reader.keepsAlive || this.#isLast || !isWritten || this.#socket.destroyed) return this.close();
    this.#reader = undefined;
    this.#owner.onFree(this);
  }

  #fail(error: unknown): void {
    this.#error ??= error;
    this.#socket.destroy();
  }
}
