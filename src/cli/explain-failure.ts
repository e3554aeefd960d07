import { SettingsError } from "../config.ts";
import { HubError } from "../errors.ts";
import { UnknownCommand } from "./command.ts";

/** One sentence for the operator. Only what nobody foresaw comes with its stack. */
export function explainFailure(error: unknown): string {
  if (!(error instanceof Error)) return `carillon: ${String(error)}`;
  const foreseen = [SettingsError, UnknownCommand, HubError].some((kind) => error instanceof kind);
  return `carillon: ${foreseen ? error.message : (explainListen(error) ?? error.stack ?? error.message)}`;
}

function explainListen(error: NodeJS.ErrnoException & { address?: string; port?: number }): string | undefined {
  if (error.syscall !== "listen" && error.syscall !== "getaddrinfo") return undefined;
  const where = `${error.address ?? "the host given"}${error.port === undefined ? "" : ` port ${error.port}`}`;
  switch (error.code) {
    case "EADDRINUSE":
      return `${where} is in use: stop what listens there, or set CARILLON_PORT to another one (0 takes any free one)`;
    case "EACCES":
      return `listening on ${where} is not permitted: set CARILLON_PORT to 1024 or above`;
    default:
      return `cannot listen on ${where} (${error.code}): check CARILLON_HOST and CARILLON_PORT`;
  }
}
