import type { Socket } from "node:net";

import { freeWhole } from "../work/large-body.ts";
import { AnswerReader } from "./answer-reader.ts";
import { type BodySink, createBodySink } from "./body-sink.ts";
import type { Connect } from "./connector.ts";
import { failed, failureOf } from "./failure.ts";
import type { AnswerHeaders, OutboundAnswer, OutboundRequest } from "./outbound.ts";
import type { DialTarget } from "./parse-target.ts";

/** Bytes that are read of an answer in one turn of the event loop. */
const mostAtOnce = 64 * 1024;

/** One GET over a connection of its own. Settles once: when its connection has closed and counts no more. */
export class Exchange {
  readonly #request: OutboundRequest;
  readonly #settle: (answer: OutboundAnswer) => void;
  readonly #sink: BodySink;
  readonly #reader = new AnswerReader(Infinity, (piece) => this.#keep(piece));
  #headers: AnswerHeaders | undefined;
  /** Read since it last waited for the next turn. */
  #bytesAtOnce = 0;
  /** What it settles with; the first word stands. */
  #answer: OutboundAnswer | undefined;
  /** Closes what was dialled. */
  #close: (() => void) | undefined;

  constructor(request: OutboundRequest, settle: (answer: OutboundAnswer) => void) {
    this.#request = request;
    this.#settle = settle;
    this.#sink = createBodySink(request.maxBytes);
  }

  /** `head` is all that is sent. */
  start(connect: Connect, target: DialTarget, head: string): void {
    this.#close = connect(target, (outcome) => {
      if (!(outcome instanceof Error)) return this.#ask(outcome, head);
      this.#answer ??= failureOf(outcome);
      this.#end();
    });
  }

  /** Ends it from our side (wall clock, signal), started or not. Late or repeated: nothing happens. */
  stop(answer: OutboundAnswer): void {
    if (this.#answer !== undefined) return;
    this.#answer = answer;
    if (this.#close === undefined) this.#end();
    else this.#close();
  }

  #ask(socket: Socket, head: string): void {
    this.#close = () => socket.destroy();
    socket.on("data", (chunk: Buffer) => this.#read(socket, chunk));
    socket.once("end", () => this.#try(() => this.#reader.end()));
    socket.on("error", (error) => (this.#answer ??= failureOf(error)));
    socket.once("close", () => this.#end());
    socket.write(head, "latin1");
  }

  /** Much of it, or what is long in reading, takes turns with whatever else there is to do. */
  #read(socket: Socket, chunk: Buffer): void {
    let end = chunk.length;
    this.#try(() => (end = this.#reader.pushSome(chunk)));
    if (end === chunk.length) freeWhole(chunk); // what is body has been copied
    this.#bytesAtOnce += end;
    if (this.#answer !== undefined || (end === chunk.length && this.#bytesAtOnce < mostAtOnce)) return;
    this.#bytesAtOnce = 0;
    socket.pause();
    if (end < chunk.length) socket.unshift(chunk.subarray(end));
    setImmediate(() => socket.resume());
  }

  #try(step: () => void): void {
    if (this.#answer !== undefined) return;
    try {
      step();
      if (this.#reader.isOver) this.#answer ??= this.#answered(true);
    } catch (error) {
      this.#answer ??= failureOf(error);
    }
    if (this.#answer !== undefined) this.#close?.();
  }

  #keep(piece: Buffer): void {
    if (this.#answer !== undefined) return;
    const bytes = this.#sink.length + piece.length;
    if (this.#request.makeRoom?.(bytes, this.#readHeaders()) === false) {
      this.#answer = failed("exhausted", "there is no room in memory for the body of the answer");
    } else if (!this.#sink.push(piece)) this.#answer = this.#answered(false);
  }

  #answered(complete: boolean): OutboundAnswer {
    const status = this.#reader.head?.status ?? 0;
    return { kind: "answered", status, headers: this.#readHeaders(), body: this.#sink.take(), complete };
  }

  #readHeaders(): AnswerHeaders {
    this.#headers ??= Object.fromEntries(this.#reader.head?.fields ?? []);
    return this.#headers;
  }

  #end(): void {
    const answer = this.#answer ?? failed("broken", "the peer broke off");
    if (answer.kind === "failed") this.#sink.free();
    this.#settle(answer);
  }
}
