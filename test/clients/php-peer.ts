import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

export type PhpPeer = AsyncDisposable & { readonly callback: string; readonly deliveries: readonly string[] };

/**
 * A subscriber behind PHP's built-in server: `Connection` says close twice, there is no Content-Length (the answer ends
 * with the connection), and cookies are set.
 */
export async function openPhpPeer(): Promise<PhpPeer> {
  const deliveries: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk) => {
      text += String(chunk);
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
      if (end === -1 || text.length < end + 4 + length) return;
      if (text.startsWith("POST")) deliveries.push(text.slice(end + 4));
      socket.end(answer(/hub\.challenge=([\w-]+)/.exec(text)?.[1] ?? "Done: 1\n"));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // listen() on a host and port gives an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    callback: `http://127.0.0.1:${port}/api/pshb.php?k=da39a3ee`,
    deliveries,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function answer(body: string): string {
  return [
    "HTTP/1.1 200 OK",
    "Host: 127.0.0.1",
    "Date: Thu, 01 Jan 2026 00:00:00 GMT",
    "Connection: close, close",
    "X-Powered-By: PHP/8.2.29",
    "Set-Cookie: PHPSESSID=5q2v8h6s; path=/",
    "Set-Cookie: lang=en; path=/; HttpOnly",
    "Content-type: text/plain;charset=UTF-8",
    "",
    body,
  ].join("\r\n");
}
