import { HubError } from "../errors.ts";

const maxFields = 512;
/** Bounds what a stranger can make the hub hold in memory. */
const maxBytes = 64 * 1024;

/** The body of a form. Throws `too_large` for more than 64 KiB; `invalid_request` where it breaks off or is not UTF-8. */
export async function readText(request: Request): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readBytes(request));
  } catch (cause) {
    if (cause instanceof HubError) throw cause;
    throw new HubError("invalid_request", "the request body is not UTF-8, or broke off", { cause });
  }
}

/** Not by Hono's bodyLimit: it makes a new Request of a chunked one, which that of @hono/node-server cannot be made into. */
async function readBytes(request: Request): Promise<ArrayBuffer | Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  return request.headers.has("transfer-encoding") ? readChunks(request) : request.arrayBuffer();
}

async function readChunks({ body }: Request): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  // Too much is left unread, not cancelled: that would close the socket under the answer.
  for await (const part of body?.values({ preventCancel: true }) ?? []) {
    if (!(part instanceof Uint8Array)) continue; // never: the types do not say so
    bytes += part.length;
    if (bytes > maxBytes) throw tooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts);
}

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
