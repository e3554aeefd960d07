import type { Outbound, OutboundAnswer, OutboundFailure, OutboundRequest } from "../../src/outbound/outbound.ts";

/** How a page of the pretended network answers; several are given one after the other, the last one for ever. */
export type Page = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** No answer comes of it. */
  readonly failure?: OutboundFailure;
  /** Breaks off: the answer says more than it holds. */
  readonly isCut?: boolean;
  /** Runs when it is asked, for instance to let time pass. */
  readonly asked?: () => void;
};

/** The outbound port over pages in memory, with its byte limit, its room, its abort signal, and a log of what was asked. */
export class FakeOutbound implements Outbound {
  readonly requests: OutboundRequest[] = [];
  readonly #pages: Readonly<Record<string, Page>>;

  constructor(pages: Readonly<Record<string, Page>>) {
    this.#pages = pages;
  }

  exchange(request: OutboundRequest): Promise<OutboundAnswer> {
    this.requests.push(request);
    return Promise.resolve(this.#answer(request));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #answer({ url, maxBytes, makeRoom, signal }: OutboundRequest): OutboundAnswer {
    const page = this.#pages[url];
    page?.asked?.();
    if (signal.aborted) return { kind: "failed", reason: "aborted", detail: "the hub stops" };
    if (page === undefined) return { kind: "failed", reason: "refused", detail: `nobody listens\nat ${url}` };
    if (page.failure !== undefined) return { kind: "failed", reason: page.failure, detail: "no luck" };
    const body = Buffer.from(page.body ?? "");
    if (makeRoom?.(body.length, page.headers ?? {}) === false) {
      return { kind: "failed", reason: "exhausted", detail: "no room" };
    }
    return {
      kind: "answered",
      status: page.status ?? 200,
      headers: page.headers ?? {},
      body: body.subarray(0, maxBytes),
      complete: page.isCut !== true && body.length <= maxBytes,
    };
  }
}
