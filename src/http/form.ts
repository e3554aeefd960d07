import { HubError } from "../errors.ts";

const maxFields = 512;

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
