import type { Publication, PublicationKey } from "../model/publication.ts";
import type { PublicationStore } from "../store/publication-store.ts";

type Held = { readonly loading: Promise<Publication>; users: number };

/** Loads a publication once for all who deliver it at the same time: one body in memory, whatever their number. */
export class SharedPublications {
  readonly #load: PublicationStore["load"];
  readonly #held = new Map<string, Held>();

  constructor(load: PublicationStore["load"]) {
    this.#load = load;
  }

  /** Calls `work` with the publication, which stays in memory until the last such work ends. Rejects as `load` does. */
  async use<T>(key: PublicationKey, work: (publication: Publication) => Promise<T>): Promise<T> {
    const name = `${key.topicId}/${key.seq}`;
    const held = this.#held.get(name) ?? { loading: this.#load(key), users: 0 };
    this.#held.set(name, held);
    held.users += 1;
    try {
      return await work(await held.loading);
    } finally {
      held.users -= 1;
      if (held.users === 0) this.#held.delete(name);
    }
  }
}
