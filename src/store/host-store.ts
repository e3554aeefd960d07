import type { ShutHost } from "../model/host.ts";

/** Breakers that are open, so that a host found dead is not learnt anew after a restart. */
export interface HostStore {
  /** All of them. */
  listShut(): Promise<readonly ShutHost[]>;

  /** Write that breakers are open, and until when, in one transaction. Whoever is behind there is not claimed any more. */
  saveShut(hosts: readonly ShutHost[]): Promise<void>;

  /** Write that breakers have closed. Those that are not known change nothing. */
  saveOpen(origins: readonly string[]): Promise<void>;
}
