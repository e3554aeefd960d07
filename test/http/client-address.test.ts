import * as fc from "fast-check";
import { expect, test } from "vitest";

import { findClient } from "../../src/http/client-address.ts";
import { isInside, networkKey, parseAddress, parseNetwork } from "../../src/networks.ts";

const proxies = ["10.0.0.0/8", "fd00::/8"].map(parseNetwork);

function clientOf(peer: string, forwardedFor: string): string {
  const address = parseAddress(peer);
  if (address === undefined) throw new Error(`${peer} is no address`);
  return networkKey(findClient(address, forwardedFor, (hop) => isInside(hop, proxies)));
}

test.each([
  { peer: "10.0.0.1", said: "203.0.113.9", client: "203.0.113.9", what: "one proxy" },
  { peer: "10.0.0.1", said: "203.0.113.9, 10.0.0.2", client: "203.0.113.9", what: "two proxies" },
  { peer: "10.0.0.1", said: "1.1.1.1, 203.0.113.9", client: "203.0.113.9", what: "what the client itself has said" },
  {
    peer: "10.0.0.1",
    said: "10.9.9.9, 203.0.113.9",
    client: "203.0.113.9",
    what: "a client that claims to be a proxy",
  },
  { peer: "203.0.113.9", said: "1.1.1.1", client: "203.0.113.9", what: "a peer that is no proxy" },
  { peer: "10.0.0.1", said: "10.0.0.3, 10.0.0.2", client: "10.0.0.3", what: "proxies all the way" },
  { peer: "10.0.0.1", said: "203.0.113.9:4711", client: "203.0.113.9", what: "a port" },
  {
    peer: "10.0.0.1",
    said: "[2001:db8:1:2:3::4]:80",
    client: "2001:db8:1:2::/64",
    what: "an IPv6 address with a port",
  },
  { peer: "10.0.0.1", said: "2001:db8:1:2:ffff::9", client: "2001:db8:1:2::/64", what: "an IPv6 address" },
  { peer: "fd00::1", said: "::ffff:203.0.113.9", client: "203.0.113.9", what: "a mapped IPv4 address" },
  { peer: "::ffff:10.0.0.1", said: "203.0.113.9", client: "203.0.113.9", what: "a mapped proxy" },
  { peer: "10.0.0.1", said: "203.0.113.9, unknown", client: "10.0.0.1", what: "a hop that cannot be read" },
  { peer: "10.0.0.1", said: "203.0.113.9, unknown, 10.0.0.2", client: "10.0.0.2", what: "one before another proxy" },
  { peer: "10.0.0.1", said: "fe80::1%br-lan", client: "fe80:0:0:0::/64", what: "a link-local address of a zone" },
  { peer: "10.0.0.1", said: "0x7f.1", client: "10.0.0.1", what: "an odd spelling" },
  { peer: "10.0.0.1", said: "", client: "10.0.0.1", what: "nothing" },
  { peer: "10.0.0.1", said: `203.0.113.9${", 10.0.0.2".repeat(32)}`, client: "10.0.0.2", what: "more than 32 hops" },
])("with $what the client is $client", ({ peer, said, client }) => {
  expect(clientOf(peer, said)).toBe(client);
});

test("whatever X-Forwarded-For says, who does not come by way of a proxy is who it is", () => {
  fc.assert(
    fc.property(fc.string(), (said) => {
      expect(clientOf("203.0.113.9", said)).toBe("203.0.113.9");
    }),
  );
});

test("whatever a client says before its proxy has added its address, that address counts", () => {
  fc.assert(
    fc.property(fc.string(), (said) => {
      expect(clientOf("10.0.0.1", `${said}, 203.0.113.9`)).toBe("203.0.113.9");
    }),
  );
});
