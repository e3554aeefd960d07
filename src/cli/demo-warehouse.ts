import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

import type { Tell } from "./demo-screen.ts";
import { serveDemo } from "./demo-server.ts";

export type Warehouse = AsyncDisposable & {
  /** Asks the hub for the topic, with a secret (§5.1). Throws when the hub refuses. */
  subscribe(topic: string, signal: AbortSignal): Promise<void>;
};

/** A subscriber: echoes the challenge (§5.3) and believes only deliveries with a valid signature (§7.1). */
export async function openWarehouse(hub: string, tell: Tell): Promise<Warehouse> {
  const secret = randomBytes(32).toString("hex");
  const server = await serveDemo((request, body, response) => {
    if (request.method === "GET") echoChallenge(request, response, tell);
    else takeDelivery(request.headers, body, secret, tell, response);
  });
  return {
    async subscribe(topic, signal) {
      const form = new URLSearchParams({
        "hub.mode": "subscribe",
        "hub.topic": topic,
        "hub.callback": `${server.origin}/stock-arrived`,
        "hub.secret": secret,
      });
      const answer = await fetch(hub, { method: "POST", body: form, signal });
      tell("warehouse", "asks to subscribe", `to ${topic}; answered ${answer.status}`);
      if (answer.status !== 202) throw new Error(`the hub refused the subscription: ${await answer.text()}`);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function echoChallenge(request: IncomingMessage, response: ServerResponse, tell: Tell): void {
  const asked = new URL(request.url ?? "/", "http://127.0.0.1").searchParams;
  response.end(asked.get("hub.challenge"));
  tell("warehouse", "echoes the challenge", `${asked.get("hub.mode")}, lease ${asked.get("hub.lease_seconds")} s`);
}

/** Any answer but a 2xx would make the hub try again; a delivery with a wrong signature is taken and thrown away (§7.1). */
function takeDelivery(
  headers: IncomingHttpHeaders,
  body: Buffer,
  secret: string,
  tell: Tell,
  response: ServerResponse,
): void {
  response.writeHead(204).end();
  tell("hub", "delivers", `POST, ${body.length} bytes, attempt ${String(headers["carillon-attempt"])}`);
  const signature = String(headers["x-hub-signature"]);
  const stock = /<content>(.*)<\/content>/.exec(body.toString())?.[1] ?? "no stock";
  if (isSignedBy(secret, signature, body))
    tell("warehouse", "signature verified", `${signature.slice(0, 19)}...; ${stock}`);
  else tell("warehouse", "SIGNATURE WRONG", `${signature}; thrown away`);
}

function isSignedBy(secret: string, signature: string, body: Buffer): boolean {
  const [method = "", hex = ""] = signature.split("=");
  if (!["sha256", "sha384", "sha512"].includes(method)) return false;
  const expected = createHmac(method, secret).update(body).digest();
  const given = Buffer.from(hex, "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}
