import { type ServerResponse, STATUS_CODES } from "node:http";

import { drain } from "./drain.ts";
import { safeHeaders } from "./safe-headers.ts";

/** What is said to a request, headers beside those of every answer. */
export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** One sentence, for people. */
export function plainAnswer(status: number, sentence: string, headers: Answer["headers"] = {}): Answer {
  return { status, headers: { "Content-Type": "text/plain; charset=UTF-8", ...headers }, body: `${sentence}\n` };
}

/** Answers straight to the socket, which costs a fraction of a Response. What is left of the request's body is drained. */
export function send(response: ServerResponse, answer: Answer): void {
  if (!response.req.complete) drain(response.req);
  response.writeHead(answer.status, headersOf(answer));
  response.end(answer.body);
}

/** The same as bytes, where there is no request to answer. The connection ends with it. */
export function toBytes(answer: Answer): string {
  const head = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}`, "Connection: close"];
  const headers = headersOf(answer);
  for (let i = 0; i < headers.length; i += 2) head.push(`${headers[i]}: ${headers[i + 1]}`);
  return `${head.join("\r\n")}\r\n\r\n${answer.body ?? ""}`;
}

const alwaysSent: readonly string[] = [...safeHeaders].flat();

/** Names and values in turn: Node takes these as they are. */
function headersOf({ status, headers = {}, body = "" }: Answer): string[] {
  const all = alwaysSent.slice();
  for (const name in headers) all.push(name, headers[name] ?? "");
  if (status !== 204) all.push("Content-Length", String(Buffer.byteLength(body)));
  return all;
}
