/** What makes waiting deliveries of an origin due: its breaker has closed, or it has answered 2xx after trouble. */
export type Recovery = "recovery" | "success";

/** What has changed about origins and is not in the store yet. */
export class HostNews {
  /** Origins whose breaker has opened, closed, or got another time. */
  readonly unsaved = new Set<string>();
  /** Origins that are back. */
  readonly recovered = new Map<string, Recovery>();
  readonly #ring: () => void;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  changed(origin: string): void {
    this.unsaved.add(origin);
    this.#ring();
  }

  recover(origin: string, by: Recovery): void {
    if (this.recovered.get(origin) !== "recovery") this.recovered.set(origin, by);
    this.#ring();
  }
}
