import { connect, createServer, type Socket } from "node:net";

/** A way to the server that can be cut, or frozen. */
export async function openProxy(url: string) {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let last: string | undefined;
  const state = { isCut: false, isDeaf: false, isFrozen: false };
  const server = createServer((client) => {
    if (state.isCut) return void client.destroy();
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        if (last === undefined) upstream.destroy();
      });
    }
    upstream.on("data", (data) => {
      if (state.isFrozen) return;
      if (!state.isDeaf || !data.includes("carillon.public\0")) client.write(data);
    });
    client.on("data", (data) => {
      if (state.isFrozen) return;
      upstream.write(data);
      if (last === undefined || !data.includes(last)) return;
      last = undefined;
      upstream.end();
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const proxied = new URL(url);
  proxied.port = String(typeof address === "object" ? address?.port : 0);
  return {
    url: proxied.href,
    get isUsed() {
      return sockets.size > 0;
    },
    get isCut() {
      return state.isCut;
    },
    set isCut(value: boolean) {
      state.isCut = value;
    },
    /** Nothing that nodes tell each other comes through. */
    deafen() {
      state.isDeaf = true;
    },
    /** From now on nothing comes through either way, and nobody is told: as when a machine or a network is gone. */
    freeze() {
      state.isFrozen = true;
    },
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
    /** Lets the next such statement pass to the server, and nothing back. */
    cutAfter(statement: string) {
      last = statement;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
