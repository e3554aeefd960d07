import { createPrivateKey } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";

import { type Authority, certify, createKeys, toPem } from "./certificates.ts";

/** Who signs the certificates. */
export type TlsIdentity = Authority;

/** Makes connections TLS servers, each with a certificate for the address it came to. Handshakes are full: each address is new to the client. */
export function acceptTls({ keyPem }: TlsIdentity): (socket: Socket) => Socket {
  const { publicKey, privateKey } = createKeys();
  const issuerKey = createPrivateKey(keyPem);
  const key = toPem(privateKey);
  const contexts = new Map<string, SecureContext>();
  const contextFor = (address: string) => {
    const known = contexts.get(address);
    if (known !== undefined) return known;
    const made = createSecureContext({ key, cert: certify(address, publicKey, issuerKey) });
    contexts.set(address, made);
    return made;
  };
  return (socket) => new TLSSocket(socket, { isServer: true, secureContext: contextFor(socket.localAddress ?? "") });
}
