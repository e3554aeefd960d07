/** How much the store holds of what. */
export type Figures = {
  readonly topics: number;
  /** In force, or ended so lately that they are still there. */
  readonly subscriptions: number;
  /** Intents that are not settled. */
  readonly pending: number;
  /** Subscriptions that are not up to date. */
  readonly behind: number;
  readonly openBreakers: number;
  /** When the oldest publication came whose first attempts are not all made. */
  readonly oldestUndoneAt: Date | undefined;
};
