import { sendBytes } from "../support/raw-request.ts";
import type { RequestCase } from "./requests.ts";
import type { Scene } from "./scene.ts";

/**
 * Sends it, from an address of its own: who floods the hub is shut out by it. Resolves to the statuses that came back; rejects when a
 * refusal is not what one should be.
 */
export async function send({ hub }: Scene, { send: bytes }: RequestCase, index: number): Promise<readonly number[]> {
  const answer = await sendBytes(hub.url, bytes, { from: `127.2.0.${index + 1}` });
  const heads = [...answer.matchAll(/^HTTP\/1\.1 (\d{3})[^]*?\r\n\r\n/gm)].map(([head, status]) => ({
    head: head.toLowerCase(),
    status: Number(status),
  }));
  for (const { head, status } of heads) if (status >= 400) assertSafe(head);
  return heads.map(({ status }) => status);
}

function assertSafe(head: string): void {
  for (const field of ["x-content-type-options: nosniff", "content-type: text/plain", "content-security-policy: "]) {
    if (!head.includes(`\r\n${field}`)) throw new Error(`no ${field} in ${head}`);
  }
}
