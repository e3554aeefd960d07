import type { IncomingMessage } from "node:http";

import { HubError } from "../errors.ts";
import { createPieceCount } from "./flood.ts";

const maxFields = 512;
/** Bounds what a stranger can make the hub hold in memory. */
const maxBytes = 64 * 1024;
/** Bounds what all of them together can, who send a part of a form and let the rest wait. */
const maxUnfinishedBytes = 32 * 1024 * 1024;

const utf8 = new TextDecoder("utf-8", { fatal: true });

export type ReadText = (request: IncomingMessage) => Promise<string>;

/**
 * Reads bodies of forms. Throws `too_large` for more than 64 KiB; `invalid_request` where it breaks off or is not UTF-8; `busy`
 * where it does not come at once while as many of that kind as the hub holds are under way.
 */
export function createReadText(): ReadText {
  const unfinished = { bytes: 0 };
  return async (request) => {
    try {
      return utf8.decode(await readBytes(request, unfinished));
    } catch (cause) {
      if (cause instanceof HubError) throw cause;
      throw new HubError("invalid_request", "the request body is not UTF-8, or broke off", { cause });
    }
  };
}

/**
 * From the socket, not by way of a Request: that costs more than all else about a form. Too much is left unread. A body that does
 * not come in one piece gets all its room at once, so that a thousand small pieces are no more than what they hold.
 */
function readBytes(request: IncomingMessage, unfinished: { bytes: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const length = Number(request.headers["content-length"] ?? Number.NaN);
    if (length > maxBytes) return reject(tooLarge());
    let whole: Buffer | undefined;
    let room: Buffer = empty;
    let bytes = 0;
    const countPiece = createPieceCount(request);
    request.on("data", take);
    request.once("end", () => {
      resolve(whole ?? room.subarray(0, bytes));
      release();
    });
    request.once("error", refuse);
    request.once("close", () => {
      if (!request.readableEnded) refuse(new Error("the connection was closed"));
    });

    function take(part: Buffer): void {
      if (part.length === length) return void (whole = part);
      countPiece(part);
      if (bytes === 0 && !reserve(length || maxBytes)) return refuse(busy());
      if (bytes + part.length > room.length) return refuse(tooLarge());
      bytes += part.copy(room, bytes);
    }

    function reserve(size: number): boolean {
      if (unfinished.bytes + size > maxUnfinishedBytes) return false;
      room = Buffer.allocUnsafeSlow(size);
      unfinished.bytes += size;
      return true;
    }

    function refuse(error: Error): void {
      request.off("data", take);
      release();
      reject(error);
    }

    function release(): void {
      unfinished.bytes -= room.length;
      room = empty;
    }
  });
}

const empty = Buffer.alloc(0);

function tooLarge(): HubError {
  return new HubError("too_large", "the request body exceeds 64 KiB");
}

function busy(): HubError {
  return new HubError("busy", "the hub waits for as many unfinished forms as it can hold; try again later");
}

/**
 * Reads application/x-www-form-urlencoded text (§5.1). Throws `invalid_request` where it is not percent-encoded UTF-8:
 * a parser that mends it would change a secret unnoticed; `too_large` for more than 512 fields.
 */
export function parseForm(text: string): URLSearchParams {
  if (hasTooManyFields(text)) throw new HubError("too_large", `the form has more than ${maxFields} fields`);
  try {
    decodeURIComponent(text);
  } catch (cause) {
    throw new HubError("invalid_request", "the form is not percent-encoded UTF-8", { cause });
  }
  return new URLSearchParams(text);
}

/** Asked before they are read: to read thousands takes a millisecond. Empty ones are none. */
function hasTooManyFields(text: string): boolean {
  let fields = 0;
  for (let start = 0; start < text.length && fields <= maxFields;) {
    const end = text.indexOf("&", start);
    const next = end === -1 ? text.length : end;
    if (next > start) fields += 1;
    start = next + 1;
  }
  return fields > maxFields;
}
