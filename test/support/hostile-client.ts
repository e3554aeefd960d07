import { connect } from "node:net";

/**
 * How a client means harm. `connects`: a new connection for each request. `asks`: again over one that is kept, as soon as it is
 * answered. `fills`: forms as large as may be, of as many fields as fit.
 */
export const manners = ["connects", "asks", "fills"] as const;

export type Manner = (typeof manners)[number];

export type Attack = {
  readonly url: string;
  readonly manner: Manner;
  /** The client's address, in 127.0.0.0/8. */
  readonly from: string;
  readonly connections: number;
  readonly requests: number;
};

/** How many requests were sent, and to how many of them something was said. */
export type Attacked = { readonly sent: number; readonly answered: number };

export type Attacking = {
  /** Ends it, also early. */
  readonly stop: () => Promise<Attacked>;
};

/** Sends requests as fast as the hub lets it. A connection that the hub lets hang is waited for. */
export function attack({ url, manner, from, connections, requests }: Attack): Attacking {
  const { hostname, port } = new URL(url);
  const request = requestOf(manner);
  const calledOff = new AbortController();
  let [sent, answered] = [0, 0];

  /** Over one connection. */
  function ask(): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect({ host: hostname, port: Number(port), localAddress: from, noDelay: true });
      const end = () => void socket.destroy();
      const send = () => {
        if (sent >= requests) return end();
        sent += 1;
        socket.write(request);
      };
      calledOff.signal.addEventListener("abort", end);
      socket.once("connect", send).on("error", end);
      socket.on("data", () => {
        answered += 1;
        if (manner === "asks") send();
        else end();
      });
      socket.once("close", () => {
        calledOff.signal.removeEventListener("abort", end);
        resolve();
      });
    });
  }

  async function work(): Promise<void> {
    while (sent < requests && !calledOff.signal.aborted) await ask();
  }

  const working = Array.from({ length: connections }, work);
  return {
    async stop() {
      calledOff.abort();
      await Promise.all(working);
      return { sent, answered };
    },
  };
}

function requestOf(manner: Manner): string {
  const form = manner === "fills" ? "a&".repeat(32_000) : "hub.mode=harm";
  const head = ["POST / HTTP/1.1", "Host: hub", "Content-Type: application/x-www-form-urlencoded"];
  return `${head.join("\r\n")}\r\nContent-Length: ${form.length}\r\n\r\n${form}`;
}
