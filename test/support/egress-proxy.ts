import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export type EgressProxy = AsyncDisposable & {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  /** What was asked for, in order: `host:port`. */
  readonly targets: string[];
  /** Proxy-Authorization as it came, in order. */
  readonly credentials: (string | undefined)[];
};

/**
 * A proxy that tunnels. To it every name is 127.0.0.1. `refuse`: an answer of its own (status line and fields) in place of a
 * tunnel; "silence" for none at all.
 */
export async function openEgressProxy(refuse?: string): Promise<EgressProxy> {
  const targets: string[] = [];
  const credentials: (string | undefined)[] = [];
  const open = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(400).end());
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => open.delete(socket));
  });
  server.on("connect", (request, socket) => {
    const target = request.url ?? "";
    targets.push(target);
    credentials.push(request.headers["proxy-authorization"]);
    if (refuse === "silence") return;
    if (refuse !== undefined) return void socket.end(`HTTP/1.1 ${refuse}\r\nContent-Length: 0\r\n\r\n`);
    const onward = connect(Number(/\d+$/.exec(target)?.[0]), "127.0.0.1");
    onward.on("error", () => void socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    onward.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    socket.once("close", () => onward.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets,
    credentials,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
