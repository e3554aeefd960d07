/** For the database, the listener and other files. */
const ownFiles = 64;

/** For whoever calls the hub: more room would only be filled. */
const fewestConnections = 192;
const mostConnections = 4096;

/** The connections that others may have open to the hub: a quarter of all files, where that is enough and not too many. */
export function boundConnections(descriptorLimit: number): number {
  const quarter = Math.floor(descriptorLimit / 4) - ownFiles;
  return Math.min(mostConnections, Math.max(fewestConnections, quarter));
}

/** A limit that leaves less is no limit a hub can work with; it is then left to the system to say no. */
const fewestSockets = 64;

/** The connections that the hub may have open to others, of all the files it may have open. */
export function boundSockets(descriptorLimit: number): number {
  return Math.max(fewestSockets, descriptorLimit - ownFiles - boundConnections(descriptorLimit));
}

/** Whose the connections are: `main` of verifications and fetches, `thread` of each thread that delivers, `deliveries` of all of those. */
export type SocketShares = { readonly main: number; readonly thread: number; readonly deliveries: number };

/** A quarter is for verifications and fetches. Without delivery threads the main thread stands for the one. */
export function shareSockets(all: number, threads: number): SocketShares {
  const deliveries = Math.floor((all * 3) / 4);
  return { main: Math.floor(all / 4), thread: Math.floor(deliveries / Math.max(1, threads)), deliveries };
}

/**
 * The first deliveries in flight that fit. Retries get half as many beside them: together they are at most half of the
 * connections, and so never find all taken (open-sockets.ts).
 */
export function boundInFlight(maxInFlight: number, maxSockets: number): number {
  return Math.min(maxInFlight, Math.floor(maxSockets / 3));
}
