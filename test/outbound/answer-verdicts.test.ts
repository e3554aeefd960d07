import { Agent, get as getByNode, request } from "node:http";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { AnswerReader } from "../../src/outbound/answer-reader.ts";
import { turns, until } from "../support/until.ts";
import { goodAnswers, refusedAnswers, unusableAnswers, type WireAnswer } from "./answers.ts";
import { get, openOutbound, openRawPeer } from "./peers.ts";

/** Whether the connection is used again, and the status if there was one; by our own reader. */
function ownVerdict({ answer }: WireAnswer): { status: number | undefined; isReusable: boolean } {
  const reader = new AnswerReader(16_384);
  let isRefused = false;
  try {
    reader.push(Buffer.from(answer, "latin1"));
  } catch {
    isRefused = true;
  }
  return { status: reader.head?.status, isReusable: !isRefused && reader.isOver && reader.keepsAlive };
}

/** The same by node:http, whose parser is llhttp. */
async function nodeVerdict({ answer }: WireAnswer): Promise<{ status: number | undefined; isReusable: boolean }> {
  const { promise: arrived, resolve: accept } = Promise.withResolvers<Socket>();
  await using peer = await openRawPeer((socket) => {
    socket.write(answer, "latin1", () => accept(socket));
  });
  using agent = new DisposableAgent({ keepAlive: true });
  let status: number | undefined;
  const asked = request(peer.origin, { method: "POST", agent }, (response) => {
    status = response.statusCode;
    response.on("error", () => {}).resume();
  });
  asked.on("error", () => {}).end("x");
  await arrived;
  await until(turns(20));
  const isReusable = Object.values(agent.freeSockets).some((sockets) => sockets?.some((socket) => !socket.destroyed));
  asked.destroy();
  return { status, isReusable };
}

class DisposableAgent extends Agent {
  [Symbol.dispose](): void {
    this.destroy();
  }
}

test.each([...goodAnswers, ...unusableAnswers, ...refusedAnswers])(
  "no connection is used again that node:http would not use again: $what",
  async (answer) => {
    const own = ownVerdict(answer);
    const node = await nodeVerdict(answer);

    expect(own.isReusable ? node : own).toEqual(own);
  },
);

type Content = { readonly status: number | undefined; readonly body: string } | "broken";

async function ownContent(url: string): Promise<Content> {
  await using outbound = openOutbound();
  const answer = await outbound.exchange(get(url));
  if (answer.kind === "failed") return "broken";
  return { status: answer.status, body: answer.body.toString("latin1") };
}

function nodeContent(url: string): Promise<Content> {
  return new Promise((resolve) => {
    const asked = getByNode(url, { agent: false }, (response) => {
      let body = "";
      response.setEncoding("latin1").on("data", (text: string) => (body += text));
      response.on("error", () => resolve("broken"));
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    asked.on("error", () => resolve("broken"));
    asked.on("upgrade", () => resolve("broken"));
  });
}

/** Of these node:http gives up what it had already, for the sake of what follows. */
const followed = ["more than its length", "a 204 with a body"];
const comparable = [...goodAnswers, ...unusableAnswers, ...refusedAnswers].filter(
  ({ what }) => !followed.includes(what),
);

test.each(comparable)("nothing is content that is none, or another, for node:http: $what", async ({ answer }) => {
  await using peer = await openRawPeer((socket) => socket.end(answer, "latin1"));

  const own = await ownContent(peer.origin);
  const node = await nodeContent(peer.origin);

  expect(own === "broken" ? own : node).toEqual(own);
});

test.each(goodAnswers)("what ends by itself is content: $what", async ({ answer, status }) => {
  await using peer = await openRawPeer((socket) => socket.end(answer, "latin1"));

  expect(await ownContent(peer.origin)).toMatchObject({ status });
});
