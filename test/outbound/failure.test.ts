import { expect, test } from "vitest";

import { failureOf } from "../../src/outbound/failure.ts";

/** As node:net tells that a connection to `address` failed. */
function connectError(code: string, address: string): Error {
  return Object.assign(new Error(`connect ${code} ${address}`), { code, address });
}

const v4 = "192.0.2.1";
const v6 = "2001:db8::1";

test.each([
  { what: "no route to IPv4", errors: [["ENETUNREACH", v4]], reason: "exhausted" },
  { what: "no route to IPv6, where there is nothing else", errors: [["ENETUNREACH", v6]], reason: "refused" },
  {
    what: "the same for each of many",
    errors: [
      ["ENETUNREACH", v6],
      ["EADDRNOTAVAIL", v6],
    ],
    reason: "refused",
  },
  {
    what: "no route to either family",
    errors: [
      ["ENETUNREACH", v6],
      ["ENETUNREACH", v4],
    ],
    reason: "exhausted",
  },
  {
    what: "no route to IPv6, and IPv4 refuses",
    errors: [
      ["ENETUNREACH", v6],
      ["ECONNREFUSED", v4],
    ],
    reason: "refused",
  },
  { what: "IPv6 refuses", errors: [["ECONNREFUSED", v6]], reason: "refused" },
  { what: "no descriptors", errors: [["EMFILE", v6]], reason: "exhausted" },
])("$what: $reason", ({ errors, reason }) => {
  const [first, ...more] = errors.map(([code = "", address = ""]) => connectError(code, address));

  expect(failureOf(more.length === 0 ? first : new AggregateError([first, ...more]))).toMatchObject({ reason });
});
