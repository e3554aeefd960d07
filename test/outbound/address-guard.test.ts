import { expect, test } from "vitest";
import { createAddressGuard } from "../../src/outbound/address-guard.ts";
import { createOwnAddresses } from "../../src/outbound/own-addresses.ts";
import { TestClock } from "../support/test-clock.ts";

const guard = createAddressGuard([]);

test.each([
  "1.1.1.1",
  "93.184.216.34",
  "172.15.255.255",
  "172.32.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "223.255.255.255",
  "::ffff:1.1.1.1",
  "2606:4700:4700::1111",
  "2a00:1450:4001:82a::200e",
])("%s is public", (address) => {
  expect(guard.judgeAddress(address)).toBe(true);
});

/** As https://fetch.spec.whatwg.org/#port-blocking lists them. */
const badPorts = [
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

const notPublic = {
  "this machine, this network": "0.0.0.0 0.1.2.3 127.0.0.1 127.255.255.255 :: ::1 169.254.0.1 fe80::1 fe80::1%eth0",
  private: "10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 fc00::1 fd12::1 fec0::1",
  "metadata (AWS, Azure, Alibaba, Oracle)": "169.254.169.254 fd00:ec2::254 168.63.129.16 100.100.100.200 192.0.0.192",
  "multicast, broadcast, reserved": "224.0.0.1 239.255.255.255 255.255.255.255 240.0.0.1 ff02::1 100::1 100:0:0:1::1",
  "documentation, benchmarks": "192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 2001:db8::1 3fff::1",
  "segment routing, unassigned": "5f00::1 4000::1 8000::1",
  "mapped, compatible, translated":
    "::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:168.63.129.16 ::7f00:1 ::808:808 ::ffff:0:7f00:1",
  NAT64: "64:ff9b::7f00:1 64:ff9b::101:101 64:ff9b:1::101:101",
  "6to4, its relays, Teredo": "2002:7f00:1:: 2002:101:101::1 192.88.99.1 2001:0:4136:e378:8000:63bf:3fff:fdd2",
  "no canonical address": " localhost 127.1 0x7f000001 2130706433 0177.0.0.1 127.0.0.1. [::1] 1.1.1.1/8",
};

test.each(Object.entries(notPublic))("not public: %s (%s)", (_what, addresses) => {
  expect(addresses.split(" ").filter(guard.judgeAddress)).toEqual([]);
});

test.each([
  "http://127.0.0.1/",
  "http://127.1/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0x7f.1/",
  "http://0177.0.0.1/",
  "http://017700000001/",
  "http://127.0.0.1./",
  "http://１２７.０.０.１/",
  "http://127。0。0。1/",
  "http://%31%32%37.0.0.1/",
  "http://①②⑦.0.0.1/",
  "http://0/",
  "http://[::1]/",
  "http://[::]/",
  "http://[0:0:0:0:0:0:0:1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::127.0.0.1]/",
  "http://[64:ff9b::127.0.0.1]/",
  "http://169.254.169.254/latest/meta-data/",
  "https://[fd00:ec2::254]/",
  "http://168.63.129.16/",
  "http://100.100.100.200/latest/meta-data/",
  "http://192.0.0.192/opc/v2/",
])("%s is refused with the address as URL spells it", (spelling) => {
  const url = new URL(spelling);

  expect(guard.refuseUrl(url)).toBe(`the address ${url.hostname} is not public; CARILLON_ALLOW_CIDRS opens exceptions`);
});

test.each([
  "http://localhost/",
  "http://LOCALHOST/",
  "http://localhost./",
  "http://localhost../",
  "http://ｌｏｃａｌｈｏｓｔ/",
  "http://a.localhost/",
  "http://A.LocalHost./",
  "http://printer.local/",
  "http://metadata.google.internal/",
  "http://METADATA.google.internal./",
  "http://db.internal/",
  "http://intranet/",
  "http://intranet./",
  "http://home.arpa/",
  "http://nas.home.arpa./",
  "http://router.lan/",
  "http://wiki.corp/",
  "http://wiki.intranet/",
  "http://nas.home/",
  "http://host.localdomain/",
  "http://app.test/",
  "http://hidden.onion/",
])("%s is refused by its name", (spelling) => {
  const url = new URL(spelling);

  expect(guard.refuseUrl(url)).toBe(`the name ${url.hostname} is not public; CARILLON_ALLOW_CIDRS opens exceptions`);
});

test.each([
  "http://example.com/",
  "https://example.com./",
  "https://local.example/",
  "https://notlocalhost.example:8443/cb?x=1",
  "https://internal.example/",
  "https://corp.example/",
  "https://nothome.arpa/",
  "http://1.1.1.1:8080/",
  "http://[2606:4700:4700::1111]/",
])("%s may be asked for", (spelling) => {
  expect(guard.refuseUrl(new URL(spelling))).toBeUndefined();
});

test("each bad port of the Fetch standard is refused, whatever is opened, and no other", () => {
  const open = createAddressGuard(["0.0.0.0/0", "::/0"]);
  const refused = Array.from({ length: 65_536 }, (_, port) => port).filter(
    (port) => open.refuseUrl(new URL(`http://example.com:${port}/`)) !== undefined,
  );

  expect(refused).toEqual(badPorts);
  expect(open.refuseUrl(new URL("http://example.com:25/"))).toBe("port 25 is blocked (bad port of the Fetch standard)");
});

test("a scheme that is not http or https is refused", () => {
  expect(guard.refuseUrl(new URL("ftp://example.com/"))).toContain("ftp:");
});

test("an opened network opens its addresses, mapped ones included, and nothing else", () => {
  const open = createAddressGuard(["127.0.0.0/8", " fd00::/8 "]);

  const inside = ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "fd00::1", "1.1.1.1"];
  const outside = ["10.0.0.1", "::1", "fc00::1", "169.254.169.254"];

  expect([...inside, ...outside].filter(open.judgeAddress)).toEqual(inside);
});

test("a network written as mapped IPv4 opens that IPv4 network", () => {
  expect(createAddressGuard(["::ffff:10.0.0.0/104"]).judgeAddress("10.1.2.3")).toBe(true);
});

test("an opened NAT64 or 6to4 network does not open what is embedded", () => {
  const open = createAddressGuard(["64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"]);

  const inside = ["64:ff9b::101:101", "64:ff9b:1::101:101", "2002:101:101::1"];
  const outside = ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a83f:8110", "64:ff9b:1::a00:1", "2002:a00:1::"];

  expect([...inside, ...outside].filter(open.judgeAddress)).toEqual(inside);
  expect(createAddressGuard(["64:ff9b::/96", "10.0.0.0/8"]).judgeAddress("64:ff9b::a00:1")).toBe(true);
});

test("a forbidden name waits for its addresses when a network is opened, and needs all of them inside", () => {
  const open = createAddressGuard(["127.0.0.0/8"]);

  expect(open.refuseUrl(new URL("http://localhost/"))).toBeUndefined();
  expect(open.judgeAnswers("localhost", ["127.0.0.1"])).toBeUndefined();
  expect(open.judgeAnswers("localhost", ["127.0.0.1", "::1"])).toContain("CARILLON_ALLOW_CIDRS");
  expect(open.judgeAnswers("localhost", ["1.1.1.1"])).toContain("CARILLON_ALLOW_CIDRS");
  expect(open.judgeAnswers("example.com", ["1.1.1.1", "127.0.0.1"])).toBeUndefined();
});

test("one bad address condemns a name, and the sentence does not tell which", () => {
  const refused = guard.judgeAnswers("mixed.example", ["1.1.1.1", "10.0.0.1"]);

  expect(refused).toBe(
    "the name mixed.example resolves to an address that is not public; CARILLON_ALLOW_CIDRS opens exceptions",
  );
});

test("this machine's own addresses are refused unless opened, and named as such where they are public", () => {
  const own = new Set(["1.1.1.1", "2606:4700::1", "10.0.0.5"]);
  const closed = createAddressGuard([], { ownAddresses: () => own });
  const open = createAddressGuard(["1.1.1.1/32", "64:ff9b::/96"], { ownAddresses: () => own });
  const sentence = "the address 1.1.1.1 is this machine's own; CARILLON_ALLOW_CIDRS opens exceptions";

  expect(["1.1.1.1", "::ffff:1.1.1.1", "2606:4700::1", "1.1.1.2"].filter(closed.judgeAddress)).toEqual(["1.1.1.2"]);
  expect(closed.refuseUrl(new URL("http://1.1.1.1/"))).toBe(sentence);
  expect(closed.judgeAnswers("blog.example", ["1.1.1.2", "2606:4700:0:0::1"])).toBe(
    "the name blog.example resolves to an address that is this machine's own; CARILLON_ALLOW_CIDRS opens exceptions",
  );
  expect(closed.refuseUrl(new URL("http://10.0.0.5/"))).toContain("is not public");
  expect(["1.1.1.1", "2606:4700::1", "64:ff9b::101:101"].filter(open.judgeAddress)).toEqual([
    "1.1.1.1",
    "64:ff9b::101:101",
  ]);
  expect(createAddressGuard(["64:ff9b::/96"], { ownAddresses: () => own }).judgeAddress("64:ff9b::101:101")).toBe(
    false,
  );
});

test("the addresses of the interfaces are this machine's own, looked at again after a minute", () => {
  const clock = new TestClock(new Date("2026-01-01T00:00:00Z"));
  const real = createOwnAddresses(clock);
  expect(real().has("127.0.0.1")).toBe(true);

  const seen = [{ eth0: [{ address: "2606:4700:0:0::1" }] }, { eth0: [{ address: "1.1.1.1" }], eth1: undefined }];
  const own = createOwnAddresses(clock, () => (seen.length > 1 ? seen.shift() : seen[0]) as never);
  expect([...own()]).toEqual(["2606:4700::1"]);
  clock.advance(59_999);
  expect([...own()]).toEqual(["2606:4700::1"]);
  clock.advance(1);
  expect([...own()]).toEqual(["1.1.1.1"]);
});

test("with an egress proxy forbidden names are refused whatever is opened, literals as ever", () => {
  const proxied = createAddressGuard(["127.0.0.0/8"], { isProxied: true });

  expect(proxied.refuseUrl(new URL("http://localhost/"))).toContain("the name localhost is not public");
  expect(proxied.refuseUrl(new URL("http://127.0.0.1/"))).toBeUndefined();
  expect(proxied.refuseUrl(new URL("http://10.0.0.1/"))).toContain("is not public");
});

test.each([
  "127.0.0.1",
  "127.0.0.0/33",
  "::/129",
  "127.0/8",
  "0x7f.0.0.0/8",
  "localhost/8",
  "10.0.0.0/8/8",
  "",
  "10.0.0.0/",
])("%j is no network", (text) => {
  expect(() => createAddressGuard([text])).toThrow(/ is not a network/);
});
