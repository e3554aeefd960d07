/** Answers to a POST, and what is to be made of them. */
export type WireAnswer = { readonly what: string; readonly answer: string };

type Standing = WireAnswer & { readonly status: number; readonly retryAfter?: string | undefined };

const ok = "HTTP/1.1 200 OK\r\n";
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;

/** They end by themselves, and no two readers could disagree about where. */
export const goodAnswers: readonly Standing[] = [
  { what: "a 204", answer: "HTTP/1.1 204 No Content\r\n\r\n", status: 204 },
  { what: "a 204 that says it is empty", answer: "HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n", status: 204 },
  { what: "a 304", answer: "HTTP/1.1 304 Not Modified\r\n\r\n", status: 304 },
  { what: "an answer without a reason", answer: "HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n", status: 202 },
  { what: "an answer with an empty reason", answer: "HTTP/1.1 202 \r\nContent-Length: 0\r\n\r\n", status: 202 },
  { what: "a status of 999", answer: "HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n", status: 999 },
  { what: "a body of its length", answer: `${ok}Content-Length: 5\r\n\r\nhello`, status: 200 },
  { what: "a length with blanks around it", answer: `${ok}content-LENGTH: \t5 \t\r\n\r\nhello`, status: 200 },
  { what: "a body in chunks", answer: `${chunked}5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n`, status: 200 },
  { what: "chunks with extensions", answer: `${chunked}1;a;b=c;d="e;\\"f"\r\nx\r\n0;g\r\n\r\n`, status: 200 },
  { what: "chunks with trailers", answer: `${chunked}1\r\nx\r\n000\r\nX-Sum: 1\r\n\r\n`, status: 200 },
  { what: "a chunk that looks like an end", answer: `${chunked}5\r\n0\r\n\r\n\r\n0\r\n\r\n`, status: 200 },
  { what: "bytes above ASCII in a field", answer: `${ok}X: \xe9\xff\r\nContent-Length: 0\r\n\r\n`, status: 200 },
  {
    what: "an answer after early hints",
    answer: `HTTP/1.1 103 E\r\nLink: <a>\r\n\r\n${ok}Content-Length: 0\r\n\r\n`,
    status: 200,
  },
  { what: "an answer after 100", answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 X\r\n\r\n", status: 204 },
  {
    what: "HTTP/1.0 that is kept",
    answer: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
    status: 200,
  },
  {
    what: "a Retry-After",
    answer: "HTTP/1.1 503 X\r\nretry-after:  120 \r\nContent-Length: 0\r\n\r\n",
    status: 503,
    retryAfter: "120",
  },
  {
    what: "two of Retry-After",
    answer: "HTTP/1.1 429 X\r\nRetry-After: 1\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n",
    status: 429,
    retryAfter: "1, 2",
  },
];

/** The status is beyond doubt, the end is not, or the peer closes, or it has not come. */
export const unusableAnswers: readonly Standing[] = [
  { what: "an answer that says close", answer: `${ok}Connection: close\r\nContent-Length: 0\r\n\r\n`, status: 200 },
  {
    what: "close among others",
    answer: `${ok}Connection: x\r\nConnection: y ,CLOSE\r\nContent-Length: 0\r\n\r\n`,
    status: 200,
  },
  { what: "HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200 },
  {
    what: "HTTP/1.0 that is kept and closed",
    answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n",
    status: 200,
  },
  {
    what: "HTTP/1.0 with chunks",
    answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    status: 200,
  },
  { what: "a body that ends with the connection", answer: `${ok}\r\nhello`, status: 200 },
  { what: "a body in another coding", answer: `${ok}Transfer-Encoding: gzip\r\n\r\nhello`, status: 200 },
  { what: "a body in two codings", answer: `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, status: 200 },
  { what: "chunks in chunks", answer: `${ok}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, status: 200 },
  {
    what: "chunks said twice",
    answer: `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    status: 200,
  },
  { what: "a coding of nothing", answer: `${ok}Transfer-Encoding:\r\n\r\n0\r\n\r\n`, status: 200 },
  { what: "a body too short", answer: `${ok}Content-Length: 10\r\n\r\nfive5`, status: 200 },
  { what: "more than its length", answer: `${ok}Content-Length: 2\r\n\r\nabc`, status: 200 },
  { what: "two answers at once", answer: `HTTP/1.1 204 X\r\n\r\nHTTP/1.1 204 X\r\n\r\n`, status: 204 },
  { what: "a 204 with a body", answer: "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello", status: 204 },
  { what: "a 204 with a body to come", answer: "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", status: 204 },
  { what: "a 204 with chunks to come", answer: "HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", status: 204 },
  { what: "a 304 with a length", answer: "HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", status: 304 },
  { what: "chunks that break off", answer: `${chunked}5\r\nhello\r\n`, status: 200 },
  { what: "a chunk size that is none", answer: `${chunked}zz\r\nhello\r\n0\r\n\r\n`, status: 200 },
  { what: "an empty chunk size", answer: `${chunked}\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk size with a sign", answer: `${chunked}+1\r\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk size with 0x", answer: `${chunked}0x1\r\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk size before a blank", answer: `${chunked}1 \r\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk size beyond all bounds", answer: `${chunked}10000000000000001\r\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk size that ends in LF", answer: `${chunked}1\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk extension without its end", answer: `${chunked}1;a="\r\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk extension without a name", answer: `${chunked}1;=a\r\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk extension of 2 KB", answer: `${chunked}1;${"a".repeat(2000)}\r\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk size below nothing", answer: `${chunked}-1\r\nx\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk without its end", answer: `${chunked}1\r\nx0\r\n\r\n`, status: 200 },
  { what: "a chunk longer than its size", answer: `${chunked}1\r\nxy\r\n0\r\n\r\n`, status: 200 },
  { what: "a chunk that ends in two other bytes", answer: `${chunked}1\r\nx..0\r\n\r\n`, status: 200 },
  { what: "a chunk that ends in LF", answer: `${chunked}1\r\nx\n0\r\n\r\n`, status: 200 },
  { what: "a trailer that is no field", answer: `${chunked}0\r\nhello\r\n\r\n`, status: 200 },
  { what: "a trailer with LF", answer: `${chunked}0\r\nx: y\n\r\n`, status: 200 },
  { what: "an end in LF", answer: `${chunked}0\r\n\n\r\n`, status: 200 },
];

const refused = [
  ["two lengths", `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`],
  ["one length said twice", `${ok}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`],
  ["a list of lengths", `${ok}Content-Length: 0, 0\r\n\r\n`],
  ["a length with a sign", `${ok}Content-Length: +1\r\n\r\nx`],
  ["a length below nothing", `${ok}Content-Length: -1\r\n\r\n`],
  ["an empty length", `${ok}Content-Length:\r\n\r\n`],
  ["a length in hexadecimal", `${ok}Content-Length: 0x1\r\n\r\nx`],
  ["a length between other blanks", `${ok}Content-Length: \xa01\r\n\r\nx`],
  ["a length beyond all bounds", `${ok}Content-Length: 18446744073709551616\r\n\r\n`],
  ["length and chunks", `${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["a blank before the colon", `${ok}Content-Length : 0\r\n\r\n`],
  ["a blank before the name", `${ok} Content-Length: 0\r\n\r\n`],
  ["a folded field", `${ok}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
  ["a field without a colon", `${ok}hello\r\n\r\n`],
  ["a field without a name", `${ok}: x\r\n\r\n`],
  ["a NUL in a field", `${ok}X: a\0b\r\n\r\n`],
  ["a CR in a field", `${ok}X: a\rContent-Length: 5\r\n\r\n`],
  ["an LF in a field", `${ok}X: a\nContent-Length: 5\r\n\r\n`],
  ["a switch of protocols", "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nboo"],
  ["a status of 000", "HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n"],
  ["a status of four digits", "HTTP/1.1 2000 X\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 X\r\n\r\n"],
  ["HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"],
  ["HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n"],
  ["HTTP/0.9", "<html>hello</html>\r\n\r\n"],
  ["small letters", "http/1.1 200 OK\r\n\r\n"],
  ["two blanks before the status", "HTTP/1.1  200 OK\r\n\r\n"],
  ["a blank at the start", " HTTP/1.1 200 OK\r\n\r\n"],
  ["a CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n"],
  ["another protocol", "SSH-2.0-OpenSSH_9.9\r\n"],
  ["a bad field in an interim answer", `HTTP/1.1 103 X\r\nhello\r\n\r\n${ok}Content-Length: 0\r\n\r\n`],
  ["an interim answer with a body", `HTTP/1.1 103 X\r\nContent-Length: 3\r\n\r\nxyz${ok}Content-Length: 0\r\n\r\n`],
  ["an interim answer with chunks", `HTTP/1.1 100 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${ok}\r\n`],
  ["interim answers without end", `${"HTTP/1.1 103 X\r\n\r\n".repeat(2_000)}${ok}Content-Length: 0\r\n\r\n`],
  ["more fields than anybody sends", `${ok}${"X:\r\n".repeat(257)}Content-Length: 0\r\n\r\n`],
  ["endless fields", `${ok}${"X: yyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(2_000)}`],
] as const;

/** What they are cannot be told. */
export const refusedAnswers: readonly WireAnswer[] = refused.map(([what, answer]) => ({ what, answer }));
