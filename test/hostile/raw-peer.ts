import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** A request as it came: its first line is `method target`. */
export type RawRequest = { readonly method: string; readonly target: string; readonly head: string };

export type RawPeer = AsyncDisposable & { readonly origin: string };

/** A server on 127.0.0.1 that may write anything. `onRequest` is called once per connection, with the first request's head. */
export async function openRawPeer(onRequest: (request: RawRequest, socket: Socket) => void): Promise<RawPeer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined); // that it is cut off is what many of these want
    socket.once("data", (chunk) => {
      const head = chunk.toString("latin1");
      const [method = "", target = ""] = head.split(" ", 2);
      onRequest({ method, target, head }, socket);
    });
  });
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
  await once(server, "listening");
  // listen() on a host and port gives an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
