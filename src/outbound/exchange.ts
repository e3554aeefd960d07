import type { Dispatcher } from "undici";
import { type BodySink, createBodySink } from "./body-sink.ts";
import { freeWhole } from "../work/large-body.ts";
import { failed, type Failed, failureOf } from "./failure.ts";
import type { MakeRoom, OutboundAnswer, OutboundRequest } from "./outbound.ts";

type Controller = Dispatcher.DispatchController;
type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;
type Answered = Extract<OutboundAnswer, { kind: "answered" }>;

const nothing = Buffer.alloc(0);

/** One exchange as undici's handler. It settles once. `release` is called then: timers and listeners go there. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #settle: (answer: OutboundAnswer) => void;
  readonly #release: () => void;
  readonly #sink: BodySink;
  readonly #makeRoom: MakeRoom | undefined;
  #controller: Controller | undefined;
  #head: Answered | undefined;
  #isOver = false;

  constructor({ maxBytes, makeRoom }: OutboundRequest, settle: (answer: OutboundAnswer) => void, release: () => void) {
    this.#settle = settle;
    this.#release = release;
    this.#sink = createBodySink(maxBytes);
    this.#makeRoom = makeRoom;
  }

  /** Ends it from our side (wall clock, signal) and closes its socket. Late or repeated: nothing happens. */
  stop(answer: Failed): void {
    if (this.#isOver) return;
    this.#finish(answer);
    this.#sink.free();
    this.#cut();
  }

  onRequestStart(controller: Controller): void {
    // Stopped while it waited for a connection. A throw, not an abort: the connection is good for the next one.
    if (this.#isOver) throw new Error("the exchange is over");
    this.#controller = controller;
  }

  onResponseStart(_controller: Controller, status: number, headers: IncomingHeaders): void {
    if (this.#isOver || status < 200) return; // 1xx: only the wall clock bounds how many
    this.#head = { kind: "answered", status, headers: joinRepeated(headers), body: nothing, complete: false };
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (this.#isOver) return;
    const bytes = this.#sink.length + chunk.length;
    if (this.#makeRoom?.(bytes, this.#head?.headers ?? {}) === false) {
      return this.stop(failed("exhausted", "there is no room in memory for the body of the answer"));
    }
    const fits = this.#sink.push(chunk);
    // All that was read is body, so that undici (8.12) has nothing more to parse in it, and it has been copied.
    freeWhole(chunk);
    if (fits) return;
    this.#finish(this.#answer(false));
    this.#cut();
  }

  onResponseEnd(): void {
    if (!this.#isOver) this.#finish(this.#answer(true));
  }

  onResponseError(_controller: Controller, error: Error): void {
    if (!this.#isOver) this.#finish(failureOf(error));
  }

  #answer(complete: boolean): OutboundAnswer {
    if (this.#head === undefined) return failed("broken", "the peer sent no status line");
    return { ...this.#head, body: this.#sink.take(), complete };
  }

  #finish(answer: OutboundAnswer): void {
    this.#isOver = true;
    this.#release();
    this.#settle(answer);
  }

  /**
   * In a turn of its own: a socket that was destroyed in this turn has yet to report why, and undici (8.12) trips over its own
   * assertions, outside any promise, if the request was aborted in between.
   */
  #cut(): void {
    const controller = this.#controller;
    if (controller !== undefined) setImmediate(() => controller.abort(new Error("the exchange is over")));
  }
}

function joinRepeated(headers: IncomingHeaders): Record<string, string> {
  // fromEntries defines, where an assignment to a header called __proto__ would not.
  return Object.fromEntries(
    Object.entries(headers).map(([name, value = ""]) => [name, typeof value === "string" ? value : value.join(", ")]),
  );
}
