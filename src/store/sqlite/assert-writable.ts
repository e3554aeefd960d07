import type { Database } from "./database.ts";

/**
 * Writes that a hub is there, and tries whether there is room for more: what is there already can often be changed where nothing can
 * be added. When there is none, what is in the log goes into the file: where the disk is full, that may be all the room there is.
 */
export function createAssertWritable({
  connection,
  write,
  read,
}: Pick<Database, "connection" | "write" | "read">): (now: Date) => Promise<void> {
  const beat = connection.prepare<[number]>(
    "INSERT INTO pulse (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
  );
  // More than a page holds.
  const takeRoom = connection.prepare("INSERT INTO pulse (id, at) VALUES (2, zeroblob(8192))");

  return async (now) => {
    try {
      await write(() => {
        connection.exec("SAVEPOINT room");
        takeRoom.run();
        connection.exec("ROLLBACK TO room; RELEASE room");
        beat.run(now.getTime());
      });
    } catch (error) {
      await Promise.allSettled([read(() => connection.pragma("wal_checkpoint(PASSIVE)"))]);
      throw error;
    }
  };
}
