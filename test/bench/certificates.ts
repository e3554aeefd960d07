import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** Signs for others. `pem` is what a client must trust. */
export type Authority = { readonly pem: string; readonly keyPem: string };
export type Certificate = { readonly pem: string; readonly keyPem: string };

const issuerName = "Carillon bench CA";

/** A certificate authority for one run. */
export function createAuthority(): Authority {
  const { publicKey, privateKey } = createKeys();
  return { pem: issue(issuerName, publicKey, privateKey, [isAuthority]), keyPem: toPem(privateKey) };
}

/** P-256 keys for any number of certificates. */
export function createKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** For an IPv4 address, signed by the authority. */
export function certify(address: string, publicKey: KeyObject, issuerKey: KeyObject): string {
  return issue(address, publicKey, issuerKey, [forAddress(address)]);
}

export function toPem(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

/** RFC 5280 section 4.1, by hand: Node reads certificates, and makes none. */
function issue(name: string, publicKey: KeyObject, issuerKey: KeyObject, extensions: readonly Buffer[]): string {
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])), // serial number
    ecdsaWithSha256,
    commonName(issuerName),
    sequence(time("200101000000Z"), time("491231235959Z")),
    commonName(name),
    publicKey.export({ format: "der", type: "spki" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = der(0x03, Buffer.from([0]), sign("sha256", signed, issuerKey));
  const base64 = sequence(signed, ecdsaWithSha256, signature).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function time(utc: string): Buffer {
  return der(0x17, Buffer.from(utc, "latin1"));
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))));
}

function forAddress(address: string): Buffer {
  const bytes = Buffer.from(address.split(".").map(Number));
  return sequence(oid("551d11"), der(0x04, sequence(der(0x87, bytes)))); // subjectAltName, iPAddress
}

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
/** basicConstraints, critical. */
const isAuthority = sequence(
  oid("551d13"),
  der(0x01, Buffer.from([0xff])),
  der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
);
