import { isDeepStrictEqual } from "node:util";

import * as fc from "fast-check";

import { AnswerReader } from "../../../src/outbound/answer-reader.ts";
import { OutboundError } from "../../../src/outbound/failure.ts";
import { goodAnswers, refusedAnswers, unusableAnswers } from "../../outbound/answers.ts";
import { readAnswer } from "../../outbound/read-answer.ts";
import { mutations } from "../mutations.ts";
import { inTime, pure } from "../target.ts";

const corpus = [...goodAnswers, ...unusableAnswers, ...refusedAnswers].map(({ answer }) => answer);
const pieces = [
  "HTTP/1.1 200 OK\r\n",
  "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "0\r\n\r\n",
  "\r\n\r\n",
  "ffff\r\n",
  "HTTP/1.1 103\r\n\r\n",
];

type Reading = { readonly status: number | undefined; readonly isReusable: boolean };

function read(chunks: readonly Buffer[]): Reading {
  const reader = new AnswerReader(16_384);
  let isSpoilt = false;
  try {
    for (const chunk of chunks) {
      isSpoilt ||= reader.isOver;
      if (!isSpoilt) reader.push(chunk);
    }
  } catch (error) {
    if (!(error instanceof OutboundError) || error.reason !== "broken") throw error;
    isSpoilt = true;
  }
  return { status: reader.head?.status, isReusable: reader.isOver && reader.keepsAlive && !isSpoilt };
}

export const answers = pure(
  "answers",
  fc.property(mutations(corpus, pieces), fc.nat(), (text, at) => {
    const bytes = Buffer.from(text, "latin1");
    const cut = at % (bytes.length + 1);
    const whole = inTime(() => read([bytes]));
    const halves = [bytes.subarray(0, cut), bytes.subarray(cut)].filter((part) => part.length > 0);
    const inTwo = read(halves);
    const kept = inTime(() => readAnswer([bytes]));
    if (!isDeepStrictEqual(readAnswer(halves), kept)) throw new Error("what is kept of it depends on its pieces");
    if (whole.status !== inTwo.status) throw new Error(`${whole.status} in one piece, ${inTwo.status} in two`);
    if (whole.isReusable !== inTwo.isReusable) throw new Error("whether it has ended depends on its pieces");
    if (whole.status !== undefined && (whole.status < 200 || whole.status > 999)) throw new Error(`${whole.status}`);
  }),
);
