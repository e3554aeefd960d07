import { threadCpuUsage } from "node:process";

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { AnswerReader } from "../../src/outbound/answer-reader.ts";
import { OutboundError } from "../../src/outbound/failure.ts";
import { readAnswer } from "./read-answer.ts";
import { goodAnswers, refusedAnswers, unusableAnswers } from "./answers.ts";

const mostBytes = 16_384;

type Reading = {
  readonly head: { readonly status: number; readonly retryAfter: string | undefined } | undefined;
  readonly isOver: boolean;
  /** The next request can be sent over the connection it came by. */
  readonly isReusable: boolean;
  readonly isRefused: boolean;
};

/** As a connection does it: nothing is read after the end or an error, and more than was asked for spoils the connection. */
function read(chunks: readonly Buffer[]): Reading {
  const reader = new AnswerReader(mostBytes);
  let isRefused = false;
  let isSpoilt = false;
  for (const chunk of chunks) {
    if (isRefused || reader.isOver) {
      isSpoilt = true;
      break;
    }
    try {
      reader.push(chunk);
    } catch (error) {
      if (!(error instanceof OutboundError) || error.reason !== "broken") throw error;
      isRefused = true;
    }
  }
  const { isOver } = reader;
  const head = reader.head && { status: reader.head.status, retryAfter: reader.head.fields.get("retry-after") };
  return { head, isOver, isReusable: isOver && reader.keepsAlive && !isSpoilt && !isRefused, isRefused };
}

function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** `answer` in pieces that end at `cuts`. */
function cut(answer: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...new Set(cuts.map((at) => at % (answer.length + 1)))].toSorted((a, b) => a - b);
  const starts = [0, ...ends];
  return starts.map((from, i) => answer.subarray(from, ends[i])).filter((piece) => piece.length > 0);
}

test.each(goodAnswers)("$what leaves the connection to the next request", ({ answer, status, retryAfter }) => {
  const whole = read([bytes(answer)]);

  expect(whole).toEqual({ head: { status, retryAfter }, isOver: true, isReusable: true, isRefused: false });
  expect(read(Array.from(answer, bytes))).toEqual(whole);
});

test.each(unusableAnswers)("$what stands, but not its connection", ({ answer, status }) => {
  const { head, isReusable } = read([bytes(answer)]);

  expect(head?.status).toBe(status);
  expect(isReusable).toBe(false);
  expect(read(Array.from(answer, bytes))).toMatchObject({ head, isReusable });
});

test.each(refusedAnswers)("$what is no answer", ({ answer }) => {
  expect(read([bytes(answer)])).toMatchObject({ head: undefined, isRefused: true });
  expect(read(Array.from(answer, bytes))).toMatchObject({ head: undefined, isRefused: true });
});

test.each([
  { what: "of 16 KiB is read", answer: `Content-Length: 16384\r\n\r\n${"x".repeat(16_384)}`, isReusable: true },
  { what: "said to be longer is not waited for", answer: "Content-Length: 16385\r\n\r\n", isReusable: false },
  { what: "said to be huge is not waited for", answer: "Content-Length: 999999999999999\r\n\r\n", isReusable: false },
  {
    what: "in a chunk that is longer is not waited for",
    answer: "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    isReusable: false,
  },
  {
    what: "in endless chunks is read up to there",
    answer: `Transfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(3000)}`,
    isReusable: false,
  },
  {
    what: "with endless trailers is read up to there",
    answer: `Transfer-Encoding: chunked\r\n\r\n0\r\n${"x: y\r\n".repeat(3000)}`,
    isReusable: false,
  },
  { what: "that ends with the connection is read up to there", answer: `\r\n${"x".repeat(20_000)}`, isReusable: false },
])("a body $what", ({ answer, isReusable }) => {
  const reading = read([bytes(`HTTP/1.1 200 OK\r\n${answer}`)]);

  expect(reading).toMatchObject({ head: { status: 200 }, isOver: true, isReusable, isRefused: false });
});

test("a head of 16 KiB is read, a longer one is not, and what has no end is not kept", () => {
  const start = "HTTP/1.1 204 No Content\r\nx: ";
  const head = start + "y".repeat(16_384 - start.length);

  expect(read([bytes(`${head}\r\n\r\n`)])).toMatchObject({ isReusable: true });
  expect(read(cut(bytes(`${head}\r\n\r\n`), [16_383, 16_386]))).toMatchObject({ isReusable: true });
  expect(read([bytes(`${head}y\r\n\r\n`)])).toMatchObject({ isRefused: true });
  expect(read(cut(bytes(`${head}y\r\n\r\n`), [9, 16_385]))).toMatchObject({ isRefused: true });
  expect(read([bytes(`${head}yyyyy`)])).toMatchObject({ isRefused: true });
});

// Each of these takes a time that grows with its square for a reader that is careless; a hundredth of a second is plenty, of this
// thread's own: what other programs do does not count.
test.each([
  { what: "a field of blanks that ends badly", answer: `HTTP/1.1 200 OK\r\nx:${" ".repeat(16_000)}\0\r\n\r\n` },
  { what: "a field of blanks", answer: `HTTP/1.1 200 OK\r\nConnection: a${" ".repeat(16_000)}b\r\n\r\n` },
  { what: "a list of nothing", answer: `HTTP/1.1 200 OK\r\nConnection: ${" ,".repeat(8000)}\r\n\r\n` },
  { what: "a reason of blanks", answer: `HTTP/1.1 200${" ".repeat(16_000)}\0\r\n\r\n` },
  { what: "a flood of 103", answer: "HTTP/1.1 103\r\n\r\n".repeat(4096) },
])("$what costs no more time than its length", ({ answer }) => {
  const chunk = bytes(answer);
  const times = Array.from({ length: 5 }, () => {
    const before = threadCpuUsage();
    read([chunk]);
    const { user, system } = threadCpuUsage(before);
    return (user + system) / 1000;
  });

  expect(Math.min(...times)).toBeLessThan(10);
});

const token = fc.stringMatching(/^[a-z][a-z-]{0,8}$/);
const value = fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,20}[!-~])?$/);
const otherField = fc
  .tuple(token, value)
  .filter(([name]) => !/^(?:content-length|transfer-encoding|connection|retry-after)$/.test(name));
const fields = fc
  .tuple(
    fc.array(otherField, { maxLength: 4 }),
    fc.option(fc.constantFrom("120", "Wed, 21 Oct 2026 07:28:00 GMT", "soon")),
    fc.option(fc.constantFrom("close", "keep-alive", "Keep-Alive, x", "x , Close")),
  )
  .map(([others, retryAfter, connection]) =>
    [
      ...others.map(([name, text]) => `${name}: ${text}\r\n`),
      retryAfter === null ? "" : `Retry-After:${retryAfter} \r\n`,
      connection === null ? "" : `Connection: ${connection}\r\n`,
    ].join(""),
  );
const statusCode = fc.integer({ min: 200, max: 999 }).filter((status) => status !== 204 && status !== 304);
const payload = fc.oneof(
  { weight: 9, arbitrary: fc.string({ unit: "binary-ascii", maxLength: 60 }) },
  { weight: 1, arbitrary: fc.nat(20_000).map((length) => "x".repeat(length)) },
);
const framed = fc.oneof(
  payload.map((body) => `Content-Length: ${body.length}\r\n\r\n${body}`),
  fc.array(payload, { maxLength: 5 }).map((bodies) => {
    const chunks = bodies.filter((body) => body !== "").map((body) => `${body.length.toString(16)}\r\n${body}\r\n`);
    return `Transfer-Encoding: Chunked\r\n\r\n${chunks.join("")}0\r\nx-trailer: y\r\n\r\n`;
  }),
  payload.map((body) => `\r\n${body}`),
);
const final = fc.oneof(
  fc.tuple(statusCode, fields, framed).map(([status, lines, rest]) => `${status} X\r\n${lines}${rest}`),
  fc.tuple(fc.constantFrom(204, 304), fields).map(([status, lines]) => `${status}\r\n${lines}\r\n`),
);
const interim = fc.array(fc.constantFrom("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", "HTTP/1.1 100\r\n\r\n"), {
  maxLength: 3,
});
const answers = fc
  .tuple(interim, fc.constantFrom("HTTP/1.1 ", "HTTP/1.0 "), final)
  .map(([before, version, rest]) => bytes(before.join("") + version + rest));
const cuts = fc.array(fc.nat(25_000), { maxLength: 30 });

test("an answer is read alike in one chunk and in many", () => {
  fc.assert(
    fc.property(answers, cuts, (answer, at) => {
      const whole = read([answer]);
      expect(whole.head).toBeDefined();
      expect(whole.isRefused).toBe(false);
      expect(read(cut(answer, at))).toEqual(whole);
    }),
    { numRuns: 1000 },
  );
});

test("what was made of answers by a hostile hand is read alike in one chunk and in many, and ends in no other error", () => {
  const ends = ["\r", "\n", "\r\n", "\r\n\r\n", "0\r\n\r\n", " ", ",", ":", "\0", "ffffffffff", "-1", "x"];
  const lines = ["Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 103\r\n"];
  const piece = fc.constantFrom(...ends, ...lines);
  const edits = fc.array(fc.tuple(fc.nat(400), fc.nat(6), piece), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(answers, edits, cuts, (answer, changes, at) => {
      let text = answer.toString("latin1");
      for (const [place, gone, put] of changes) {
        const from = place % (text.length + 1);
        text = text.slice(0, from) + put + text.slice(from + gone);
      }
      expect(read(cut(bytes(text), at))).toEqual(read([bytes(text)]));
      expect(readAnswer(cut(bytes(text), at))).toEqual(readAnswer([bytes(text)]));
    }),
    { numRuns: 2000 },
  );
});

test("an answer is kept whole, and alike in one chunk and in many", () => {
  fc.assert(
    fc.property(answers, cuts, (answer, at) => {
      const whole = readAnswer([answer]);
      expect(whole).not.toBe("broken");
      expect(readAnswer(cut(answer, at))).toEqual(whole);
    }),
    { numRuns: 500 },
  );
});

test("the body is what is between the frames", () => {
  const bodies = fc.array(payload, { maxLength: 5 });
  fc.assert(
    fc.property(bodies, fc.constantFrom("", ";a", ';a="b"'), cuts, (parts, extension, at) => {
      const body = parts.join("");
      const chunks = parts.filter((part) => part !== "");
      const chunked = chunks.map((part) => `${part.length.toString(16)}${extension}\r\n${part}\r\n`).join("");
      const framings = [
        `Content-Length: ${body.length}\r\n\r\n${body}`,
        `Transfer-Encoding: chunked\r\n\r\n${chunked}0\r\nx-sum: 1\r\n\r\nHTTP/1.1 500 X\r\n\r\n`,
        `\r\n${body}`,
      ];
      for (const framing of framings) {
        expect(readAnswer(cut(bytes(`HTTP/1.1 200 OK\r\n${framing}`), at))).toMatchObject({ status: 200, body });
      }
    }),
    { numRuns: 200 },
  );
});

test("of arbitrary bytes nothing is an error but one of this layer", () => {
  const noise = fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 20 });
  fc.assert(
    fc.property(fc.constantFrom("", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n"), noise, (start, chunks) => {
      const { isReusable } = read(
        [bytes(start), ...chunks.map((chunk) => Buffer.from(chunk))].filter((c) => c.length > 0),
      );
      expect(isReusable).toBe(false);
    }),
    { numRuns: 1000 },
  );
});
