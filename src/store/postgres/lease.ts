/**
 * SQL: when a claim made now ends, of its length in milliseconds. By the clock of the database, since that of one node
 * says nothing to another; from when the transaction began, so never later than the node thinks.
 */
export function leaseFrom(leaseMs: string): string {
  return `now() + ${leaseMs}::float8 * interval '1 millisecond'`;
}
