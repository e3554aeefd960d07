import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";

const pageBytes = 4096;
const frameHeaderBytes = 24;
const logHeaderBytes = 32;

/**
 * Has happen to a SQLite file that nobody has open what the loss of power does: of all that was written and not flushed, pages are
 * gone, torn, or there all the same. Linux tells what was not flushed. Returns how many bytes that was; undefined where the file
 * system does not tell, and then nothing has happened.
 *
 * The one page that holds both the end of what was flushed and the begin of what was not is taken for flushed as far as whole frames
 * of the log go: what is in it cannot be told apart.
 */
export function losePower(file: string, random: () => number): number | undefined {
  if (!tells(file)) return undefined;
  rmSync(`${file}-shm`, { force: true });
  return tear(`${file}-wal`, random, tearLog) + tear(file, random, tearPages);
}

/** How many bytes of a file that nobody has open are not on disk yet, a page counting as a whole. Undefined where the file system does not tell. */
export function countUnflushed(file: string): number | undefined {
  if (!tells(file)) return undefined;
  return tear(
    file,
    () => 0,
    (content) => content,
  );
}

/** Pages, one after the other, of which at least one is not on disk yet. */
type Run = { readonly first: number; readonly pages: number };

/** Cuts a file off from its end: whoever cuts off what was never written to disk is told how much of that there was. */
function readRuns(file: string, length: number): readonly Run[] {
  const descriptor = openSync(file, "r+");
  const runs: Run[] = [];
  for (let first = Math.ceil(length / pageBytes) - 1; first >= 0; first -= 1) {
    const before = readCancelled();
    ftruncateSync(descriptor, first * pageBytes);
    const pages = (readCancelled() - before) / pageBytes;
    if (pages > 0) runs.unshift({ first, pages });
  }
  closeSync(descriptor);
  return runs;
}

function readCancelled(): number {
  const [, bytes = "0"] = /^cancelled_write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8")) ?? [];
  return Number(bytes);
}

/** Not on a file system in memory, and only on Linux. */
function tells(file: string): boolean {
  if (!existsSync("/proc/self/io")) return false;
  const probe = `${file}-probe`;
  writeFileSync(probe, "a");
  const isTold = readRuns(probe, 1).length > 0;
  rmSync(probe);
  return isTold;
}

type Tear = (content: Buffer, runs: readonly Run[], random: () => number) => Buffer;

function tear(file: string, random: () => number, how: Tear): number {
  if (!existsSync(file)) return 0;
  const content = readFileSync(file);
  const runs = readRuns(file, content.length);
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, runs.length === 0 ? content : how(content, runs, random));
  fsyncSync(descriptor);
  closeSync(descriptor);
  return runs.reduce((sum, { pages }) => sum + pages * pageBytes, 0);
}

/** The log only grows: what is not flushed is at its end, or at the end of what was written since it began anew. */
function tearLog(content: Buffer, runs: readonly Run[], random: () => number): Buffer {
  const torn = Buffer.from(content);
  const [head, ...tail] = runs;
  if (head === undefined) return torn;
  const headEnd = Math.min(content.length, (head.first + head.pages) * pageBytes);
  const frameBytes = frameHeaderBytes + (content.length < logHeaderBytes ? pageBytes : content.readUInt32BE(8));
  const frames = Math.floor((headEnd - logHeaderBytes) / frameBytes);
  const flushed = Math.max(head.first * pageBytes, logHeaderBytes + frames * frameBytes);
  const how = random();
  if (how < 0.3) return torn.subarray(0, flushed);
  if (how < 0.5) return torn.subarray(0, flushed + Math.floor(random() * (content.length - flushed)));
  if (random() < 0.5) torn.fill(0, flushed, headEnd);
  for (const run of tail) if (random() < 0.5) blank(torn, run);
  return torn;
}

/** Of the file itself nothing is unflushed but what the log, which is, holds as well. */
function tearPages(content: Buffer, runs: readonly Run[], random: () => number): Buffer {
  const torn = Buffer.from(content);
  // Of several pages that the system keeps as one some are on disk.
  for (const run of runs) if (run.pages === 1 && random() < 0.5) blank(torn, run);
  return torn;
}

function blank(content: Buffer, { first, pages }: Run): void {
  content.fill(0, first * pageBytes, Math.min(content.length, (first + pages) * pageBytes));
}
