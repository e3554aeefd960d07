import type { Gap } from "../model/gap.ts";

/** What the hub remembers of time itself, so that it notices when the clock has jumped while it was away. */
export interface GapStore {
  /** When a hub last told that it runs (`assertWritable`). Absent: none ever did. */
  lastSeen(): Promise<Date | undefined>;

  /** All that are remembered. */
  list(): Promise<readonly Gap[]>;

  /** Remember one, and forget those that ended before `forgetBefore`. */
  add(gap: Gap, forgetBefore: Date): Promise<void>;
}
