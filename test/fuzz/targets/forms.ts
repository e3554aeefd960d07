import * as fc from "fast-check";

import { HubError } from "../../../src/errors.ts";
import { parseForm } from "../../../src/http/form.ts";
import { parsePing } from "../../../src/publish/parse-ping.ts";
import { parseSubscription } from "../../../src/subscribe/parse-subscription.ts";
import { mutations } from "../mutations.ts";
import { inTime, pure } from "../target.ts";

const secret = "hunter2hunter2";
const pair = "hub.callback=https%3A%2F%2Freader.example%2Fcb&hub.topic=https://blog.example/feed";
const corpus = [
  `hub.mode=subscribe&${pair}&hub.lease_seconds=864000&hub.secret=${secret}`,
  `hub.mode=unsubscribe&${pair}&hub.verify_token=x&hub.signature_method=sha512`,
  "hub.mode=publish&hub.url=https%3A%2F%2Fblog.example%2Ffeed&hub.topic[]=https://a.example/,https://b.example/",
];
const pieces = [
  "&hub.url=",
  "hub.mode=publish&",
  "&hub.topic=http://[::1]/",
  "hub.secret=",
  "&&",
  "__proto__=1&",
  "%C3%28",
  "+",
];
/** What is longer is not read. */
const mostCharacters = 64 * 1024;
const texts = mutations(corpus, pieces).map((text) => text.slice(0, mostCharacters));

/** A sentence is one line, of a bounded length, and keeps a secret to itself. */
function checkRefusal(error: unknown, text: string): void {
  if (!(error instanceof HubError)) throw error;
  if (!["invalid_request", "too_large"].includes(error.code)) throw new Error(`${error.code} for a form`);
  if (/[\p{Cc}\u2028\u2029]/u.test(error.message))
    throw new Error(`more than a line: ${JSON.stringify(error.message)}`);
  if (error.message.length > 1000) throw new Error(`a sentence of ${error.message.length} characters`);
  const isSecret = new URLSearchParams(text).get("hub.secret") === secret;
  if (isSecret && error.message.includes(secret)) throw new Error(`the secret is shown: ${error.message}`);
}

function readForm(text: string): void {
  const form = parseForm(text);
  if (form.get("hub.mode") === "publish") {
    const urls = parsePing(form).flatMap(({ url, otherwise }) => [url, ...otherwise]);
    for (const url of urls) if (!/^https?:\/\/[^\s#]+$/.test(url)) throw new Error(`a topic of ${url}`);
  } else {
    const { secret: given } = parseSubscription("subscribe", form);
    if (given !== undefined && Buffer.byteLength(given) >= 200) throw new Error("a secret of 200 bytes");
  }
}

function refusalOf(text: string): unknown {
  try {
    readForm(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

export const forms = pure(
  "forms",
  fc.property(texts, (text) => {
    const refusal = inTime(() => refusalOf(text));
    if (refusal !== undefined) checkRefusal(refusal, text);
  }),
);
