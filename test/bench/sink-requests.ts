import type { Socket } from "node:net";

/** `firstLine`: of the body, without its end. */
export type SinkRequest = { readonly method: string; readonly target: string; readonly firstLine: string };

type Begun = { readonly request: SinkRequest; bytesLeft: number };

export type Reader = {
  /** A request has begun to come. */
  readonly onBegin: () => void;
  /** It has come as a whole. */
  readonly onRequest: (request: SinkRequest) => void;
};

const nothing = Buffer.alloc(0);

/**
 * Reads the requests of one connection. No HTTP server of Node's, which costs the machine more than the hub does; and of a
 * body nothing is kept but its first line.
 */
export function readRequests(socket: Socket, { onBegin, onRequest }: Reader): void {
  let gathered: Buffer = nothing;
  let begun: Begun | undefined;
  socket.on("data", (part: Buffer) => {
    if (begun === undefined) {
      gathered = gathered.length === 0 ? part : Buffer.concat([gathered, part]);
      begun = beginRequest(gathered);
      if (begun === undefined) return;
      gathered = nothing;
      onBegin();
    } else {
      begun.bytesLeft -= part.length;
    }
    if (begun.bytesLeft > 0) return;
    const { request } = begun;
    begun = undefined;
    onRequest(request);
  });
}

/** Once the head is there, and the first line of the body. */
function beginRequest(gathered: Buffer): Begun | undefined {
  const headEnd = gathered.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = gathered.toString("latin1", 0, headEnd);
  const bodyStart = headEnd + 4;
  const bytes = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  const bytesLeft = bytes - (gathered.length - bodyStart);
  const lineEnd = gathered.indexOf("\n", bodyStart);
  if (lineEnd < 0 && bytesLeft > 0) return undefined;
  const [method = "", target = ""] = head.split(" ", 2);
  return { request: { method, target, firstLine: gathered.toString("latin1", bodyStart, lineEnd) }, bytesLeft };
}

export const failure = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

/** A delivery is taken, and the challenge of a verification echoed (§5.3). */
export function answerTo({ method, target }: SinkRequest): string {
  if (method === "POST") return "HTTP/1.1 204 No Content\r\n\r\n";
  const challenge = new URL(target, "http://sink.example").searchParams.get("hub.challenge") ?? "";
  return `HTTP/1.1 200 OK\r\nContent-Length: ${challenge.length}\r\n\r\n${challenge}`;
}
