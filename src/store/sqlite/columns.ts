import { integer } from "drizzle-orm/sqlite-core";

// Times are integer milliseconds since 1970. `owner` is the token of a claim, null when free.

export const at = (name: string) => integer(name);
