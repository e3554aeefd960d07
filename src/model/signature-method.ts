/** The methods of §7.1, weakest first. sha1 is broken; it is kept for subscribers that know no other. */
export const signatureMethods = ["sha1", "sha256", "sha384", "sha512"] as const;

export type SignatureMethod = (typeof signatureMethods)[number];
