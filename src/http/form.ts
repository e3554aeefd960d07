import { HubError } from "../errors.ts";
import type { AppEnv } from "./app-env.ts";

type Incoming = AppEnv["Bindings"]["incoming"];

const maxFields = 512;
/** Bounds what a stranger can make the hub hold in memory. */
const maxBytes = 64 * 1024;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The body of a form. Throws `too_large` for more than 64 KiB; `invalid_request` where it breaks off or is not UTF-8. */
export async function readText(incoming: Incoming): Promise<string> {
  try {
    return utf8.decode(await readBytes(incoming));
  } catch (cause) {
    if (cause instanceof HubError) throw cause;
    throw new HubError("invalid_request", "the request body is not UTF-8, or broke off", { cause });
  }
}

/** From the socket, not by way of a Request: that costs more than all else about a form. Too much is left unread. */
function readBytes(incoming: Incoming): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(incoming.headers["content-length"] ?? 0) > maxBytes) return reject(tooLarge());
    const parts: Buffer[] = [];
    let bytes = 0;
    incoming.on("data", take);
    incoming.once("end", () => resolve(parts[1] === undefined ? (parts[0] ?? empty) : Buffer.concat(parts)));
    incoming.once("error", reject);
    incoming.once("close", () => {
      if (!incoming.readableEnded) reject(new Error("the connection was closed"));
    });

    function take(part: Buffer): void {
      bytes += part.length;
      parts.push(part);
      if (bytes <= maxBytes) return;
      incoming.off("data", take);
      incoming.pause();
      reject(tooLarge());
    }
  });
}

const empty = Buffer.alloc(0);

function tooLarge(): HubError {
  return new HubError("too_large", "the request body exceeds 64 KiB");
}

/**
 * Reads application/x-www-form-urlencoded text (§5.1). Throws `invalid_request` where it is not percent-encoded UTF-8:
 * a parser that mends it would change a secret unnoticed; `too_large` for more than 512 fields.
 */
export function parseForm(text: string): URLSearchParams {
  try {
    decodeURIComponent(text);
  } catch (cause) {
    throw new HubError("invalid_request", "the form is not percent-encoded UTF-8", { cause });
  }
  const form = new URLSearchParams(text);
  if (form.size > maxFields)
    throw new HubError("too_large", `the form has ${form.size} fields; ${maxFields} are taken`);
  return form;
}
