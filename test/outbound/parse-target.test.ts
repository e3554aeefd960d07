import { expect, test } from "vitest";
import { OutboundError } from "../../src/outbound/failure.ts";
import { parseTarget } from "../../src/outbound/parse-target.ts";

test.each([
  { url: "http://a.example/x?y", hostname: "a.example", port: "", host: "a.example", origin: "http://a.example" },
  { url: "http://a.example:80", hostname: "a.example", port: "", host: "a.example", origin: "http://a.example" },
  { url: "https://A.example:443/", hostname: "a.example", port: "", host: "a.example", origin: "https://a.example" },
  {
    url: "http://a.example:443/",
    hostname: "a.example",
    port: "443",
    host: "a.example:443",
    origin: "http://a.example:443",
  },
  {
    url: "https://a.example.:8443/",
    hostname: "a.example.",
    port: "8443",
    host: "a.example.:8443",
    origin: "https://a.example.:8443",
  },
  {
    url: "https://[2001:DB8::1]/",
    hostname: "2001:db8::1",
    port: "",
    host: "[2001:db8::1]",
    origin: "https://[2001:db8::1]",
  },
  { url: "http://[::1]:81/", hostname: "::1", port: "81", host: "[::1]:81", origin: "http://[::1]:81" },
  {
    url: "http://ü.example/",
    hostname: "xn--tda.example",
    port: "",
    host: "xn--tda.example",
    origin: "http://xn--tda.example",
  },
  { url: "http://0x7f.1/", hostname: "127.0.0.1", port: "", host: "127.0.0.1", origin: "http://127.0.0.1" },
])("$url is asked of $host", ({ url, ...expected }) => {
  expect(parseTarget(url)).toMatchObject(expected);
});

test.each(["", "http://", "http://a b/", "http://a:99999/", "/path", "ftp://a.example/", "javascript:1"])(
  "%j is no target",
  (url) => {
    expect(() => parseTarget(url)).toThrow(OutboundError);
  },
);
