import type { HastenedBy } from "../../model/delivery.ts";

/** How the column says it: whoever a success hastens, a recovery does too. */
export const hastenedByCodes: Readonly<Record<HastenedBy, number>> = { nothing: 0, recovery: 1, success: 2 };
