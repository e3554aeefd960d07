import { type Answer, plainAnswer } from "./answer.ts";

/** What is said where there is no request, but what Node calls `code`: bytes that are none, too much of it, or nothing for too long. */
export function answerFault(code: string | undefined): Answer {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return plainAnswer(431, "the request's header fields exceed 16 KiB");
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return plainAnswer(413, "the extensions of the request's chunks exceed 16 KiB");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return plainAnswer(408, "the request took too long to arrive");
    default:
      return plainAnswer(400, "this is not an HTTP request that the hub understands");
  }
}
