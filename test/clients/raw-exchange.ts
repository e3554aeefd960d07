import { once } from "node:events";
import { connect } from "node:net";

/** An answer as it came over the wire. */
export type RawAnswer = {
  readonly status: number;
  /** Lower-case names; of a repeated one the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** All that followed the head, without the framing of chunks. */
  readonly body: string;
};

/** A request in bytes. `{host}` and `{length}` in the header lines are filled in. */
export function request(host: string, line: string, headers: readonly string[], body = ""): string {
  const length = String(Buffer.byteLength(body));
  const lines = headers.map((header) => header.replace("{host}", host).replace("{length}", length));
  return [line, ...lines, "", body].join("\r\n");
}

/** Host and port as a client of this hub writes them. */
export function hostOf(hubUrl: string): string {
  return new URL(hubUrl).host;
}

/**
 * Sends requests byte for byte over one connection, each after the answer to the one before, then ends it. Whatever
 * the hub says beyond its last answer counts as that answer's body. Rejects if the hub hangs up before it has answered.
 */
export async function exchange(hubUrl: string, ...requests: readonly string[]): Promise<readonly RawAnswer[]> {
  const socket = connect(Number(new URL(hubUrl).port), "127.0.0.1").setEncoding("latin1");
  await once(socket, "connect");
  const chunks: AsyncIterator<string> = socket.iterator();
  const answers: RawAnswer[] = [];
  let text = "";
  for (const bytes of requests) {
    socket.write(bytes);
    let read = readAnswer(text);
    while (read === undefined) {
      const chunk = await chunks.next();
      if (chunk.done) throw new Error(`the hub hung up after ${JSON.stringify(text)}`);
      text += chunk.value;
      read = readAnswer(text);
    }
    answers.push(read.answer);
    text = read.rest;
  }
  socket.end();
  for (let chunk = await chunks.next(); !chunk.done; chunk = await chunks.next()) text += chunk.value;
  const last = answers.pop();
  return last === undefined ? [] : [...answers, { ...last, body: last.body + text }];
}

/** One request over a connection of its own. */
export async function ask(hubUrl: string, bytes: string): Promise<RawAnswer> {
  const [answer] = await exchange(hubUrl, bytes);
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

/** `undefined`: not all of it has come. */
function readAnswer(text: string): { readonly answer: RawAnswer; readonly rest: string } | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return undefined;
  const [statusLine = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const after = text.slice(headEnd + 4);
  const chunked = headers["transfer-encoding"] === "chunked";
  const length = chunked ? after.indexOf("0\r\n\r\n") + 5 : Number(headers["content-length"] ?? 0);
  if (length > after.length || (chunked && length === 4)) return undefined;
  const body = chunked ? readChunks(after.slice(0, length)) : after.slice(0, length);
  return { answer: { status, headers, body }, rest: after.slice(length) };
}

function readChunks(text: string): string {
  const lineEnd = text.indexOf("\r\n");
  const length = Number.parseInt(text.slice(0, lineEnd), 16);
  if (!(length > 0)) return "";
  const start = lineEnd + 2;
  return text.slice(start, start + length) + readChunks(text.slice(start + length + 2));
}
