import { bigint, customType, timestamp } from "drizzle-orm/pg-core";

// Times are integer milliseconds since 1970, by the clock of the node that wrote them. Ends of leases alone are by the
// clock of the database. `owner` is the token of a claim, null when free. What may be too long for a B-tree is indexed by
// its hash.

export const big = (name: string) => bigint(name, { mode: "number" });
export const at = big;
export const id = () => big("id").primaryKey().generatedAlwaysAsIdentity();
export const leaseUntil = () => timestamp("lease_until", { withTimezone: true });
/** A text column takes no NUL, which a subscriber may well use. */
export const bytes = customType<{ data: Buffer }>({ dataType: () => "bytea" });
/** In the order of its bytes: what is compared a lot, and read in order by nobody. */
export const plain = (name: string) => customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' })(name);
