import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { answerCalls } from "./calls.ts";
import { createMeter } from "./meter.ts";

export type Load = {
  readonly url: string;
  readonly requests: number;
  /** Each asks for one thing at a time. */
  readonly connections: number;
  readonly kind: "subscribe" | "ping";
  /** Where they come from, in turn. Absent: from one address. */
  readonly from?: readonly string[];
  /** Asked about in turn. */
  readonly topics: readonly string[];
};

const meter = createMeter();
let lastNumber = 0;

const calls = {
  /** Resolves when all are answered with success, and rejects at the first that is not. */
  async run(load: Load): Promise<void> {
    const sockets = await Promise.all(Array.from({ length: load.connections }, (_, i) => open(load, i)));
    const numbers = Array.from({ length: load.requests }, () => (lastNumber += 1)).values();
    meter.begin();
    await Promise.all(sockets.map((socket) => work(socket, load, numbers)));
    for (const socket of sockets) socket.destroy();
  },

  usage: () => meter.read(),
};

export type LoadCalls = typeof calls;

answerCalls(calls);

async function open({ url, from = ["127.0.0.1"] }: Load, place: number): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const localAddress = from[place % from.length];
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, ...(localAddress && { localAddress }) });
  await once(socket, "connect");
  return socket;
}

/** No HTTP client: one would be busier than the server. */
function work(socket: Socket, load: Load, numbers: ArrayIterator<number>): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const next = () => {
      const { done, value } = numbers.next();
      if (done) resolve();
      else socket.write(toRequest(load, value), "latin1");
    };
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the hub closed a connection")));
    socket.on("data", (part) => {
      answer += part.toString("latin1");
      if (!answer.endsWith("\r\n\r\n")) return; // a success has no body
      const isGood = /^HTTP\/1\.1 20[24] /.test(answer);
      if (!isGood) return reject(new Error(answer));
      answer = "";
      next();
    });
    next();
  });
}

function toRequest({ kind, topics, url }: Load, number: number): string {
  const topic = topics[number % topics.length] ?? "";
  const form = new URLSearchParams(kind === "ping" ? ping(topic) : subscription(topic, number)).toString();
  const head = [
    "POST / HTTP/1.1",
    `Host: ${new URL(url).host}`,
    "Content-Type: application/x-www-form-urlencoded",
    `Content-Length: ${form.length}`,
  ];
  return `${head.join("\r\n")}\r\n\r\n${form}`;
}

function ping(topic: string): Record<string, string> {
  return { "hub.mode": "publish", "hub.url": topic };
}

/** No two are alike. */
function subscription(topic: string, number: number): Record<string, string> {
  return {
    "hub.mode": "subscribe",
    "hub.topic": topic,
    "hub.callback": `http://127.0.0.1:9000/callbacks/of-the-bench/${number}`,
    "hub.secret": `a secret of number ${number}`,
    "hub.lease_seconds": "864000",
  };
}
