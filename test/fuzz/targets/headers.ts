import { validateHeaderValue } from "node:http";

import { parse } from "content-type";
import * as fc from "fast-check";

import { deliverableContentType } from "../../../src/fetch/content-type.ts";
import { parseLinkHeader } from "../../../src/fetch/parse-link-header.ts";
import { findClient } from "../../../src/http/client-address.ts";
import { isInside, parseAddress, parseNetwork } from "../../../src/networks.ts";
import { mutations } from "../mutations.ts";
import { inTime, pure } from "../target.ts";

const links = mutations(
  ['<https://hub.example/>; rel="hub", </self>;rel=self;title="a, \\"b\\""', '<a>; anchor="#x"; rel="hub self"'],
  ["<", ">;", ' rel="', ",<b>;rel=hub", "rel*=UTF-8''hub", ";;"],
);

export const link = pure(
  "link",
  fc.property(links, (value) => {
    const found = inTime(() => parseLinkHeader(value));
    if (found.length > 64) throw new Error(`${found.length} links`);
    for (const { href, rels } of found) {
      if (!value.includes(href)) throw new Error(`${href} is not what it says`);
      for (const rel of rels) if (rel !== rel.toLowerCase() || /\s/.test(rel)) throw new Error(`a rel of "${rel}"`);
    }
  }),
);

const types = mutations(
  ["application/atom+xml; charset=utf-8", 'text/plain; a="b \\" c"; d=e ; ', "text/html,text/plain"],
  ["/", ";a=", '="', "charset", "*", ";;", "é"],
);

export const contentType = pure(
  "content-type",
  fc.property(types, (value) => {
    const sent = inTime(() => deliverableContentType(value));
    if (sent !== value && sent !== "application/octet-stream") throw new Error(`${sent} is made up`);
    validateHeaderValue("content-type", sent);
    if (!/^[\t -~]{3,256}$/.test(sent)) throw new Error(`${JSON.stringify(sent)} is no header`);
    const { type } = parse(sent, { parameters: false });
    if (!sent.toLowerCase().startsWith(type) || !type.includes("/")) throw new Error(`others read ${type}`);
  }),
);

const proxies = [parseNetwork("10.0.0.0/8")];
const [proxy, stranger] = ["10.0.0.1", "203.0.113.9"].map(parseAddress);
const chains = mutations(
  ["203.0.113.7, 10.0.0.2", "[2001:db8::1]:80, unknown, 198.51.100.1:4711", "fe80::1%eth0"],
  ["10.0.0.3", ",", "::", "%br-lan"],
);

export const forwardedFor = pure(
  "forwarded-for",
  fc.property(chains, (chain) => {
    if (proxy === undefined || stranger === undefined) throw new Error("no addresses");
    const isProxy = (address: typeof proxy) => isInside(address, proxies);
    inTime(() => findClient(proxy, chain, isProxy));
    if (findClient(stranger, chain, isProxy) !== stranger) throw new Error("a stranger is believed");
    const told = findClient(proxy, `${chain}, ${stranger.toString()}`, isProxy);
    if (told.toString() !== stranger.toString()) throw new Error(`${told.toString()} is not what the proxy has said`);
  }),
);
