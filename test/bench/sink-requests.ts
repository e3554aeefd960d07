import type { Socket } from "node:net";

export type SinkRequest = { readonly method: string; readonly target: string; readonly body: Buffer };

/** Reads the requests of one connection, each once it is there as a whole. No HTTP server of Node's: it costs the machine more than the hub. */
export function readRequests(socket: Socket, onRequest: (request: SinkRequest) => void): void {
  let gathered: Buffer = Buffer.alloc(0);
  socket.on("data", (part) => {
    gathered = gathered.length === 0 ? part : Buffer.concat([gathered, part]);
    const headEnd = gathered.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = gathered.toString("latin1", 0, headEnd);
    const end = headEnd + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (gathered.length < end) return;
    const [method = "", target = ""] = head.split(" ", 2);
    const body = gathered.subarray(headEnd + 4, end);
    gathered = gathered.subarray(end);
    onRequest({ method, target, body });
  });
}

/** A delivery is taken, and the challenge of a verification echoed (§5.3). */
export function answerTo({ method, target }: SinkRequest): string {
  if (method === "POST") return "HTTP/1.1 204 No Content\r\n\r\n";
  const challenge = new URL(target, "http://sink.example").searchParams.get("hub.challenge") ?? "";
  return `HTTP/1.1 200 OK\r\nContent-Length: ${challenge.length}\r\n\r\n${challenge}`;
}
