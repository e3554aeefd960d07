/** For the database, the listener and whoever calls the hub. */
const reserved = 256;

/** A limit that leaves less is no limit a hub can work with; it is then left to the system to say no. */
const fewestSockets = 64;

/** The connections that the hub may have open to others, of all the files it may have open. */
export function boundSockets(descriptorLimit: number): number {
  return Math.max(fewestSockets, descriptorLimit - reserved);
}

/** The connections of all delivery threads, where there are any: fetches and verifications keep the rest. */
export function boundThreadSockets(maxSockets: number, threads: number): number {
  return threads === 0 ? maxSockets : Math.floor(maxSockets * 0.75);
}

/**
 * The first deliveries in flight that fit. Retries get half as many beside them: together they are at most half of the
 * connections, and so never find all taken (open-sockets.ts).
 */
export function boundInFlight(maxInFlight: number, maxSockets: number): number {
  return Math.min(maxInFlight, Math.floor(maxSockets / 3));
}
