import { HubError } from "../../errors.ts";

/** What an operator does about a damaged file. */
const mend =
  "stop the hub; carillon verify-data says what is wrong, carillon restore FILE brings back a backup, and without one the sqlite3 program's .recover saves what can still be read";

/** By how a code of SQLite, or of the system, begins: what is to be done. */
const advice: readonly (readonly [codes: RegExp, advice: string])[] = [
  [/^SQLITE_CORRUPT/, `it is damaged, and was left as it is: ${mend}`],
  [
    /^SQLITE_NOTADB/,
    "it was left as it is: name another file in CARILLON_DATABASE_URL, or bring back a backup with carillon restore FILE",
  ],
  [/^SQLITE_(BUSY|LOCKED|PROTOCOL)/, "another program holds it"],
  [/^(SQLITE_FULL|ENOSPC|EDQUOT)/, "make room on its disk"],
  [
    /^(SQLITE_READONLY|SQLITE_CANTOPEN|SQLITE_PERM|EACCES|EPERM|EROFS)/,
    "the hub must be able to write to it, and to the folder it is in",
  ],
];

/** What SQLite or the system could not do, and what is to be done. */
export function explainFault(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const [, what] = advice.find(([codes]) => codes.test(codeOf(cause))) ?? [];
  return what === undefined ? reason : `${reason}: ${what}`;
}

/** The file holds what SQLite cannot have written. */
export function isDamage(cause: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(cause));
}

/** `complaint`: what a check has found. */
export function damaged(complaint: string): HubError {
  return new HubError("store_unavailable", `${complaint}: it is damaged, and was left as it is: ${mend}`);
}

/** SQLite's word that it could not do it, as the error that becomes a 503. Others are faults of ours and stay. */
export function toHubError(cause: unknown): unknown {
  if (!/^SQLITE_(FULL|BUSY|LOCKED|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|PROTOCOL)/.test(codeOf(cause)))
    return cause;
  return new HubError("store_unavailable", `the database cannot be used: ${explainFault(cause)}`, { cause });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}
