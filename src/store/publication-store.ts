import type { Publication, PublicationKey } from "../model/publication.ts";

/** The append-only log of each topic. Publications are added by settling fetches. */
export interface PublicationStore {
  /** Kept for as long as any subscription is owed it, or could come to be. `not_found` after that. */
  load(key: PublicationKey): Promise<Publication>;

  /** How large its body is. `not_found` as with `load`. */
  bodyBytes(key: PublicationKey): Promise<number>;

  /** Remove up to `limit` publications nobody is owed any more. Resolves to how many. */
  removeSettled(limit: number): Promise<number>;
}
