import type { DatabaseAddress } from "./config/rules.ts";
import { HubError } from "./errors.ts";
import { migrationsOf } from "./open-store.ts";
import { move, type MovedTable, type MoveProgress } from "./store/move/move.ts";
import type { Source, Target } from "./store/move/side.ts";

export type { MovedTable, MoveProgress };

/**
 * Moves everything from one database to another that holds nothing, all or nothing, and compares the two. Resolves to how each
 * table compares: unless all are alike nothing was moved. The source stays as it is. Rejects with `store_unavailable` when
 * either cannot be used or is used by a hub, when the target is not empty, and when the move fails or is stopped.
 */
export async function moveStore(
  from: DatabaseAddress,
  to: DatabaseAddress,
  progress: MoveProgress,
): Promise<readonly MovedTable[]> {
  await using source = await naming("--from", openSource(from));
  await using target = await naming("--to", openTarget(to));
  try {
    return await move(source, target, progress);
  } catch (cause) {
    if (cause instanceof HubError) throw cause;
    throw new HubError("store_unavailable", `nothing was moved: ${describe(cause)}`, { cause });
  }
}

// Each is loaded only where it is used.
async function openSource(from: DatabaseAddress): Promise<Source> {
  if (from.kind === "file") {
    const { openSqliteSource } = await import("./store/move/sqlite-side.ts");
    return openSqliteSource(from.path, migrationsOf("sqlite"));
  }
  const { openPostgresSource } = await import("./store/move/postgres-side.ts");
  return openPostgresSource(from.url, migrationsOf("postgres"));
}

async function openTarget(to: DatabaseAddress): Promise<Target> {
  if (to.kind === "file") {
    const { openSqliteTarget } = await import("./store/move/sqlite-side.ts");
    return openSqliteTarget(to.path, migrationsOf("sqlite"));
  }
  const { openPostgresTarget } = await import("./store/move/postgres-side.ts");
  return openPostgresTarget(to.url, migrationsOf("postgres"));
}

async function naming<T>(flag: string, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (cause) {
    throw new HubError("store_unavailable", `nothing was moved: the database of ${flag}: ${describe(cause)}`, {
      cause,
    });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
