import { expect, test } from "vitest";

import { hostOf } from "../src/model/origin.ts";

test.each([
  { what: "a port", url: "https://reader.example:8443/cb", host: "reader.example" },
  { what: "the case", url: "HTTPS://Reader.EXAMPLE/cb", host: "reader.example" },
  { what: "a final dot", url: "https://reader.example./cb", host: "reader.example" },
  { what: "another script", url: "https://bücher.example/cb", host: "xn--bcher-kva.example" },
  { what: "a spelling of IPv4", url: "http://0x7f.1:80/cb", host: "127.0.0.1" },
  { what: "which address of an IPv6 network", url: "http://[2001:db8:1:2:3:4:5:6]/cb", host: "2001:db8:1:2::/64" },
  { what: "which of one with zeros", url: "http://[2001:db8::1]:81/cb", host: "2001:db8:0:0::/64" },
  { what: "which of one that ends in zeros", url: "http://[2001:db8:1:2::]/cb", host: "2001:db8:1:2::/64" },
  { what: "which of one that begins with zeros", url: "http://[::1]/cb", host: "0:0:0:0::/64" },
  { what: "whether IPv4 is written as IPv6", url: "http://[::ffff:127.0.0.1]/cb", host: "127.0.0.1" },
  { what: "several final dots", url: "https://reader.example../cb", host: "reader.example" },
])("what is counted by host does not depend on $what: $url", ({ url, host }) => {
  expect(hostOf(url)).toBe(host);
});
