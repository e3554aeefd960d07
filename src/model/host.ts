/** An origin (scheme, host, port) that nothing but a probe is sent to: its breaker is open. */
export type ShutHost = {
  readonly origin: string;
  /** How often in a row the breaker has opened. */
  readonly trips: number;
  /** When the next probe may go. */
  readonly until: Date;
};
