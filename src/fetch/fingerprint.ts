import { createHash } from "node:crypto";

/**
 * Equal for equal content, hex SHA-256 over type and body: it tells whether a topic changed (§7).
 * The type's length comes first, so that no byte can move between type and body unnoticed.
 */
export function fingerprint(content: { readonly contentType: string; readonly body: Buffer }): string {
  const typeBytes = Buffer.byteLength(content.contentType);
  return createHash("sha256").update(`${typeBytes}:${content.contentType}`).update(content.body).digest("hex");
}
