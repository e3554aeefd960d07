import { expect, test } from "vitest";

import { boundConnections, boundInFlight, boundSockets, shareSockets } from "../src/descriptor-budget.ts";

test.each([
  { limit: Infinity, sockets: Infinity, connections: 4096 },
  { limit: 524_288, sockets: 520_128, connections: 4096 },
  { limit: 4096, sockets: 3072, connections: 960 },
  { limit: 1024, sockets: 768, connections: 192 },
  { limit: 321, sockets: 65, connections: 192 },
  { limit: 256, sockets: 64, connections: 192 },
  { limit: 64, sockets: 64, connections: 192 },
])(
  "of $limit open files $sockets may be connections of the hub's own, $connections those of others to it",
  ({ limit, sockets, connections }) => {
    expect([boundSockets(limit), boundConnections(limit)]).toEqual([sockets, connections]);
  },
);

test.each([
  { all: 768, threads: 0, shares: { main: 192, thread: 576, deliveries: 576 } },
  { all: 768, threads: 2, shares: { main: 192, thread: 288, deliveries: 576 } },
  { all: Infinity, threads: 1, shares: { main: Infinity, thread: Infinity, deliveries: Infinity } },
])("$all connections are shared with $threads delivery threads", ({ all, threads, shares }) => {
  expect(shareSockets(all, threads)).toEqual(shares);
});

test.each([
  { maxInFlight: 1000, maxSockets: Infinity, fits: 1000 },
  { maxInFlight: 1000, maxSockets: 3000, fits: 1000 },
  { maxInFlight: 1000, maxSockets: 2999, fits: 999 },
  { maxInFlight: 1000, maxSockets: 768, fits: 256 },
  { maxInFlight: 1, maxSockets: 768, fits: 1 },
])(
  "of $maxInFlight deliveries in flight $fits fit into $maxSockets connections",
  ({ maxInFlight, maxSockets, fits }) => {
    expect(boundInFlight(maxInFlight, maxSockets)).toBe(fits);
  },
);

test("with retries beside them deliveries take up half of the connections", () => {
  for (let maxSockets = 64; maxSockets < 5000; maxSockets += 1) {
    const fits = boundInFlight(Infinity, maxSockets);
    expect(fits + Math.ceil(fits / 2)).toBeLessThanOrEqual(Math.ceil(maxSockets / 2));
  }
});
