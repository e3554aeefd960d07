import * as fc from "fast-check";

import { parseHttpUrl, topicIdentity } from "../../../src/model/http-url.ts";
import { hostOf, originOf } from "../../../src/model/origin.ts";
import { createAddressGuard } from "../../../src/outbound/address-guard.ts";
import { parseTarget } from "../../../src/outbound/parse-target.ts";
import { mutations } from "../mutations.ts";
import { inTime, pure } from "../target.ts";

const corpus = [
  "https://blog.example:8443/dir/feed?a=%7E&b=%2F#x",
  "http://user:pw@reader.example./cb",
  "http://127.0.0.1/",
  "http://[::ffff:127.0.0.1]:80/",
  "http://0x7f.1/a/../b/./c",
  "http://2130706433/",
  "https://xn--bcher-kva.example/ü?ß",
  "http:\\\\a.example\\b",
];
const pieces = [
  "127.0.0.1",
  "[::1]",
  "localhost",
  ".internal",
  "0177.1",
  "１２７.0.0.1",
  "。",
  "%2e",
  "xn--",
  "a\u0300\u0315",
  "@",
  "//",
  ":65536",
  ":0",
  "../",
  "%25",
  "%7e",
  "%2F",
];
const guard = createAddressGuard([]);

function check(text: string): void {
  const parsed = parseHttpUrl(text);
  if (parsed.kind === "fault") {
    if (!parsed.fault.startsWith("must ")) throw new Error(`no rule: ${parsed.fault}`);
    return;
  }
  const { url } = parsed;
  if (guard.refuseUrl(url) !== guard.refuseUrl(new URL(url.href))) throw new Error("the guard goes by the spelling");
  const identity = topicIdentity(url);
  if (topicIdentity(new URL(identity)) !== identity) throw new Error(`${identity} is not its own identity`);
  if (new URL(identity).host !== url.host) throw new Error("the identity is at another host");
  if (originOf(text) !== url.origin || hostOf(text) !== hostOf(identity)) throw new Error("it counts elsewhere");
  const target = parseTarget(text);
  if (!/^\/[!-~]*$/.test(target.path)) throw new Error(`a request target of ${JSON.stringify(target.path)}`);
  if (!/^[!-~]+$/.test(target.host)) throw new Error(`a host of ${JSON.stringify(target.host)}`);
}

export const urls = pure(
  "urls",
  fc.property(mutations(corpus, pieces), (text) => inTime(() => check(text))),
);
