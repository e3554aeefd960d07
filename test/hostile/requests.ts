// What strangers send to the hub itself.

/** `send`: bytes as they go over the wire. `expect`: the status of each answer; none where the connection is cut without a word. */
export type RequestCase = { readonly what: string; readonly send: string | Buffer; readonly expect: readonly number[] };

const close = "Connection: close\r\n";
const form = `Host: hub\r\nContent-Type: application/x-www-form-urlencoded\r\n${close}`;
const chunked = "Transfer-Encoding: chunked\r\n";
const topic = "http://127.0.0.1:2/topic";
const callback = "http://127.0.0.1:2/callback";

/** A form with its length. */
function post(fields: string, head = form): string {
  return `POST / HTTP/1.1\r\n${head}Content-Length: ${Buffer.byteLength(fields)}\r\n\r\n${fields}`;
}

function subscribe(more: Readonly<Record<string, string>>): string {
  const fields = { "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback, ...more };
  return post(String(new URLSearchParams(fields)));
}

function all(expect: number, cases: Readonly<Record<string, string | Buffer>>): readonly RequestCase[] {
  return Object.entries(cases).map(([what, send]) => ({ what, send, expect: [expect] }));
}

function callbacks(expect: number, what: string, urls: readonly string[]): readonly RequestCase[] {
  return urls.map((url) => ({
    what: `${what}: ${url.slice(0, 60)}`,
    send: subscribe({ "hub.callback": url }),
    expect: [expect],
  }));
}

/** 127.0.0.1 alone is opened, where the peers of these tests are. */
const addresses = callbacks(403, "a callback at", [
  "http://127.0.0.2/",
  "http://127.2/",
  "http://2130706434/",
  "http://0x7f000002/",
  "http://0x7f.2/",
  "http://0177.0.0.2/",
  "http://127.0.0.2./",
  "http://１２７.0.0.2/",
  "http://127。0。0。2/",
  "http://%31%32%37.0.0.2/",
  "http://[::1]/",
  "http://[::]/",
  "http://0/",
  "http://[::ffff:127.0.0.2]/",
  "http://[::127.0.0.2]/",
  "http://[64:ff9b::7f00:2]/",
  "http://[2002:7f00:2::]/",
  "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
  "http://10.0.0.1/",
  "http://172.16.0.1/",
  "http://192.168.1.1/",
  "http://100.64.0.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://168.63.129.16/",
  "http://100.100.100.200/",
  "http://192.0.0.192/",
  "http://[fd00:ec2::254]/",
  "http://[fe80::1]/",
  "http://224.0.0.1/",
  "http://255.255.255.255/",
  "http://[4000::1]/",
  "http://127.0.0.1:22/",
  "http://127.0.0.1:25/",
  "http://127.0.0.1:6667/",
  "http://127.0.0.1:10080/",
]);

const urls = callbacks(400, "a callback of", [
  "javascript:alert(1)",
  "file:///etc/passwd",
  "gopher://127.0.0.1/",
  "ftp://127.0.0.1/",
  "data:text/plain,x",
  "//127.0.0.1/",
  "http:127.0.0.1",
  "http:///127.0.0.1/",
  "http:\\\\127.0.0.1\\",
  "http://user@127.0.0.1/",
  "http://:secret@127.0.0.1/",
  "http://127.0.0.1/#fragment",
  "http://127.0.0.1:65536/",
  "http://127.0.0.1:-1/",
  "http://127.0.0.256/",
  "http://[::1/",
  "http://exa mple/",
  "http://a\r\nHost: b/",
  "http://a\0b/",
  'http://127.0.0.1/"<script>',
  `http://127.0.0.1/${"x".repeat(2048)}`,
  `http://${"a.".repeat(200)}example/`,
  `http://${"é".repeat(1000)}/`,
]);

const forms: readonly RequestCase[] = [
  ...all(400, {
    "no mode": post("hub.topic=x"),
    "a mode of a prototype": post("hub.mode=__proto__&constructor=1&__proto__=x"),
    "a mode of markup": post("hub.mode=<script>alert(1)</script>"),
    "broken percent": post("hub.mode=publish&hub.url=%"),
    "bytes that are no UTF-8": post("hub.mode=publish&hub.url=%ff%fe"),
    "raw bytes that are no UTF-8": Buffer.concat([
      Buffer.from(`POST / HTTP/1.1\r\n${form}Content-Length: 2\r\n\r\n`),
      Buffer.from([0xff, 0xfe]),
    ]),
    "a NUL in a URL": post("hub.mode=publish&hub.url=http://127.0.0.1/%00"),
    "a lease of letters": subscribe({ "hub.lease_seconds": "forever" }),
    "a lease below nothing": subscribe({ "hub.lease_seconds": "-1" }),
    "a lease in exponents": subscribe({ "hub.lease_seconds": "1e9" }),
    "a secret of 200 bytes": subscribe({ "hub.secret": "é".repeat(100) }),
    "a verify token of 2 KiB": subscribe({ "hub.verify_token": "x".repeat(2048) }),
    "a method of MD5": subscribe({ "hub.signature_method": "md5" }),
    "a type that is no form": post(
      "hub.mode=publish",
      `Host: hub\r\nContent-Type: multipart/form-data; boundary=x\r\n${close}`,
    ),
    JSON: post('{"hub.mode":"publish"}', `Host: hub\r\nContent-Type: application/json\r\n${close}`),
    "a compressed form": post("\x1f\x8b\x08\0", `${form}Content-Encoding: gzip\r\n`),
  }),
  ...all(202, {
    "a lease of a thousand digits": subscribe({ "hub.lease_seconds": "9".repeat(1000) }),
    "parameters nobody knows": subscribe({ toString: "x", "hub.hub": "x", "hub.mode[]": "x" }),
  }),
  ...all(413, {
    "70,000 bytes": post("x".repeat(70_000)),
    "a claim of 10 MB": `POST / HTTP/1.1\r\n${form}Content-Length: 10000000\r\n\r\n${"a".repeat(1000)}`,
    "70,000 bytes in a chunk": `POST / HTTP/1.1\r\n${form}${chunked}\r\n11170\r\n${"x".repeat(70_000)}\r\n0\r\n\r\n`,
    "16,000 fields": post("a=b&".repeat(16_000)),
    "513 fields": post("a&".repeat(513)),
    "101 topics": post(
      `hub.mode=publish${Array.from({ length: 101 }, (_, i) => `&hub.url=http://a${i}.example/`).join("")}`,
    ),
    "2,000 topics by comma": post(
      `hub.mode=publish&hub.url=${Array.from({ length: 2000 }, (_, i) => `http://a${i}.example/`).join()}`,
    ),
  }),
  ...all(204, {
    "a ping of what nobody knows": post("hub.mode=publish&hub.url=http://127.0.0.1:2/unknown"),
    "a ping of the hub's metadata": post("hub.mode=publish&hub.url=http://169.254.169.254/"),
    "100 topics": post(
      `hub.mode=publish${Array.from({ length: 100 }, (_, i) => `&hub.url=http://a${i}.example/`).join("")}`,
    ),
  }),
];

const raw: readonly RequestCase[] = [
  ...all(400, {
    "no Host": "GET / HTTP/1.1\r\n\r\n",
    "two Hosts": `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`,
    "a length and chunks": `POST / HTTP/1.1\r\n${form}Content-Length: 5\r\n${chunked}\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n`,
    "two lengths": `POST / HTTP/1.1\r\n${form}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
    "a length with a sign": `POST / HTTP/1.1\r\n${form}Content-Length: +5\r\n\r\nabcde`,
    "a length beyond all bounds": `POST / HTTP/1.1\r\n${form}Content-Length: 99999999999999999999999\r\n\r\nabcde`,
    "a coding nobody knows": `POST / HTTP/1.1\r\n${form}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    "a coding after chunked": `POST / HTTP/1.1\r\n${form}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    "a coding before chunked": `POST / HTTP/1.1\r\n${form}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`,
    "a blank before the colon": `POST / HTTP/1.1\r\n${form}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    "a folded field": `POST / HTTP/1.1\r\n${form}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
    "a chunk size in C": `POST / HTTP/1.1\r\n${form}${chunked}\r\n0x5\r\nhello\r\n0\r\n\r\n`,
    "a chunk size beyond all bounds": `POST / HTTP/1.1\r\n${form}${chunked}\r\nFFFFFFFFFFFFFFFFF\r\nhello`,
    "lines that end in LF": "GET / HTTP/1.1\nHost: a\n\n",
    "lines that end in CR": "GET / HTTP/1.1\rHost: a\r\r",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    TLS: Buffer.from("16030100a5010000a10303", "hex"),
    noise: Buffer.alloc(4096, 0xaa),
    "a NUL in the target": "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a NUL in a field": "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    "a method nobody knows": "FOO / HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  ...all(431, { "a field of 20 KB": `GET / HTTP/1.1\r\nHost: a\r\nX: ${"y".repeat(20_000)}\r\n\r\n` }),
  ...all(417, { "an expectation": `POST / HTTP/1.1\r\n${form}Expect: a miracle\r\nContent-Length: 1\r\n\r\na` }),
  ...all(404, {
    "a path out of its folder": `GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
    "a path of escapes": `GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
    "a path of markup": `GET /<script>alert(1)</script> HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
    "a request hidden in a body": `POST /nope HTTP/1.1\r\n${form}Content-Length: 36\r\n\r\nGET /livez HTTP/1.1\r\nHost: hub\r\n\r\n12`,
  }),
  ...all(405, {
    TRACE: `TRACE / HTTP/1.1\r\nHost: a\r\nCookie: x\r\n${close}\r\n`,
    DELETE: `DELETE / HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
  }),
  ...all(401, {
    "no token": `GET /metrics HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
    "a wrong token": `GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n${close}\r\n`,
    "another scheme": `GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dDp0\r\n${close}\r\n`,
    "an empty token": `GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \r\n${close}\r\n`,
    "a token in the query": `GET /metrics?token=${"t".repeat(32)} HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
  }),
  ...all(200, {
    "a Host that is not ours": `GET / HTTP/1.1\r\nHost: evil.example\r\n${close}\r\n`,
    "a target that is not ours": `GET http://evil.example/ HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
    "an upgrade": `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
  }),
  { what: "a tunnel", send: "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", expect: [] },
];

export const requests: readonly RequestCase[] = [...addresses, ...urls, ...forms, ...raw];
