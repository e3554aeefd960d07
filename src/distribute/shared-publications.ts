import type { Publication, PublicationKey } from "../model/publication.ts";
import type { PublicationStore } from "../store/publication-store.ts";
import type { ByteBudget, Share } from "../work/byte-budget.ts";
import { freeLargeBody, largeBytes } from "../work/large-body.ts";

/** There was no room in memory for a publication's body. A fault of the hub's own. */
export class NoRoom extends Error {
  override readonly name = "NoRoom";
}

export type SharedPublicationsDeps = Pick<PublicationStore, "load" | "bodyBytes"> & {
  /** For the bodies of all deliveries. */
  readonly budget: ByteBudget;
};

type Held = {
  readonly name: string;
  readonly loading: Promise<Publication>;
  readonly share: Share;
  publication: Publication | undefined;
  users: number;
};

/** Whoever waits longer for room leaves its place to others. */
const longestWaitMs = 5000;

/** Loads a publication once for all who deliver it at the same time: one body in memory, whatever their number. */
export class SharedPublications {
  readonly #deps: SharedPublicationsDeps;
  readonly #held = new Map<string, Held>();
  readonly #heldOf = new WeakMap<Publication, Held>();
  readonly #waiting = new Set<number>();

  constructor(deps: SharedPublicationsDeps) {
    this.#deps = deps;
  }

  /** Topics of which a publication waits for room in memory. */
  get waiting(): readonly number[] {
    return [...this.#waiting];
  }

  /**
   * Calls `work` with the publication, which stays in memory until the last such work ends. Rejects as `load` does, and with
   * `NoRoom` when others' bodies have left none for 5 s; `onWait` is called when that wait begins.
   */
  async use<T>(
    key: PublicationKey,
    work: (publication: Publication) => Promise<T>,
    onWait: () => void = () => undefined,
  ): Promise<T> {
    const name = `${key.topicId}/${key.seq}`;
    const held = this.#held.get(name) ?? this.#hold(name, key, onWait);
    held.users += 1;
    try {
      const publication = await held.loading;
      held.publication = publication;
      this.#heldOf.set(publication, held);
      return await work(publication);
    } finally {
      this.#leave(held);
    }
  }

  /** Keeps a publication that is in use until `work`, which needs it too, has ended. */
  async keep<T>(publication: Publication, work: Promise<T>): Promise<T> {
    const held = this.#heldOf.get(publication);
    if (held === undefined) throw new Error("the publication is not in use");
    held.users += 1;
    try {
      return await work;
    } finally {
      this.#leave(held);
    }
  }

  #hold(name: string, key: PublicationKey, onWait: () => void): Held {
    const share = this.#deps.budget.open(String(key.topicId));
    const held: Held = { name, loading: this.#load(key, share, onWait), share, publication: undefined, users: 0 };
    this.#held.set(name, held);
    return held;
  }

  async #load(key: PublicationKey, share: Share, onWait: () => void): Promise<Publication> {
    const bytes = await this.#deps.bodyBytes(key);
    if (bytes > largeBytes && !share.tryHold(bytes)) {
      onWait();
      await this.#wait(key, share, bytes);
    }
    return this.#deps.load(key);
  }

  async #wait({ topicId }: PublicationKey, share: Share, bytes: number): Promise<void> {
    this.#waiting.add(topicId);
    const isThere = await share.hold(bytes, longestWaitMs);
    this.#waiting.delete(topicId);
    if (!isThere) throw new NoRoom("there is no room in memory for another body");
  }

  #leave(held: Held): void {
    held.users -= 1;
    if (held.users > 0) return;
    this.#held.delete(held.name);
    if (held.publication !== undefined) freeLargeBody(held.publication.body);
    held.share[Symbol.dispose]();
  }
}
