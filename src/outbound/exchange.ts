import type { Dispatcher } from "undici";
import { type BodySink, createBodySink } from "./body-sink.ts";
import { failed, failureOf } from "./failure.ts";
import type { OutboundAnswer, OutboundFailure, OutboundRequest } from "./outbound.ts";

type Controller = Dispatcher.DispatchController;
type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;
type Answered = Extract<OutboundAnswer, { kind: "answered" }>;

const nothing = Buffer.alloc(0);

/**
 * One exchange as undici's handler. It settles once; it is over when undici owes it nothing more (with `until: "status"` that is
 * later: the rest of the answer is being thrown away). `release` is called when it is over: timers and listeners go there.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: OutboundRequest;
  readonly #settle: (answer: OutboundAnswer) => void;
  readonly #release: () => void;
  readonly #onStatus: () => boolean;
  readonly #sink: BodySink | undefined;
  #controller: Controller | undefined;
  #head: Answered | undefined;
  #readBytes = 0;
  #isOver = false;

  /** `onStatus` is called at the status line, if that is what is waited for: whether to settle now, or when it is over. */
  constructor(
    request: OutboundRequest,
    settle: (answer: OutboundAnswer) => void,
    release: () => void,
    onStatus: () => boolean,
  ) {
    this.#request = request;
    this.#settle = settle;
    this.#release = release;
    this.#onStatus = onStatus;
    this.#sink = request.until === "body" ? createBodySink(request.maxBytes) : undefined;
  }

  /** Ends it from our side (wall clock, signal) and closes its socket. Late or repeated: nothing happens. */
  stop(reason: OutboundFailure, detail: string): void {
    if (this.#isOver) return;
    this.#finish(failed(reason, detail));
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
    if (this.#request.until === "status" && this.#onStatus()) this.#settle(this.#head);
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (this.#isOver) return;
    this.#readBytes += chunk.length;
    const fits = this.#sink?.push(chunk) ?? this.#readBytes <= this.#request.maxBytes;
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
    return this.#sink === undefined ? this.#head : { ...this.#head, body: this.#sink.take(), complete };
  }

  /** With `until: "status"` the status line stands, whatever came of the rest; `settle` ignores a second answer. */
  #finish(answer: OutboundAnswer): void {
    this.#isOver = true;
    this.#release();
    this.#settle(this.#request.until === "status" ? (this.#head ?? answer) : answer);
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
