import pg from "pg";

import { HubError } from "../../errors.ts";

/** Conditions of the database that pass, or that an operator ends: SQLSTATE codes and their classes. */
const unavailable = /^(08|28|40|53|57|58|3D|25006|25P03|25P04|55P03|XX)/;
/** Deadlocks, and keys that somebody else inserted in the same moment. */
const rerunnable = /^(40001|40P01|23505)$/;

/** What the database, or the way to it, has refused. */
export class Fault extends Error {
  override readonly name = "Fault";
  /** Empty when the server said nothing. */
  readonly sqlState: string;
  /** The connection is of no more use. */
  readonly isBroken: boolean;

  constructor(cause: unknown) {
    super(cause instanceof Error ? describe(cause) : String(cause), { cause });
    const told = cause instanceof pg.DatabaseError ? cause : undefined;
    this.sqlState = told?.code ?? "";
    this.isBroken = told === undefined || told.severity === "FATAL" || told.severity === "PANIC";
  }

  /** The server takes no writes, or did not when the connection was made: another may. */
  get isReadOnly(): boolean {
    return this.sqlState === "25006";
  }

  /** It undid the transaction, which may well succeed when run again. */
  get isRerunnable(): boolean {
    return rerunnable.test(this.sqlState);
  }
}

/** A refusal to connect to several addresses has no message of its own. */
function describe(cause: Error): string {
  if (cause.message !== "" || !(cause instanceof AggregateError)) return cause.message;
  return cause.errors.map((error) => (error instanceof Error ? error.message : String(error))).join("; ");
}

/** The database's word that it could not do it, as the error that becomes a 503. Others are faults of ours and stay. */
export function toHubError(cause: unknown): unknown {
  if (!(cause instanceof Fault)) return cause;
  if (!cause.isBroken && !unavailable.test(cause.sqlState)) return cause.cause;
  return new HubError("store_unavailable", `the database cannot be used: ${cause.message}`, { cause });
}

/** What bounds the memory of requests that wait for a slow database. */
export function tooManyWait(): HubError {
  return new HubError("store_unavailable", "the database cannot be used: too many wait for it");
}

/** Whether it failed since somebody else held a lock for long. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof HubError && error.cause instanceof Fault && error.cause.sqlState === "55P03";
}
