import { getCACertificates, setDefaultCACertificates } from "node:tls";

/** Self-signed for tls.example and 127.0.0.1, valid until 2126; it guards nothing. */
export const testCertificate = `-----BEGIN CERTIFICATE-----
MIIBpDCCAUugAwIBAgIUNLkyUt4cJ3b6mV2fiBcVe6oEF2UwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNY2FyaWxsb24gdGVzdDAgFw0yNjExMjEwODExMzlaGA8yMTI2
MTAyODA4MTEzOVowGDEWMBQGA1UEAwwNY2FyaWxsb24gdGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABMJIp/bKGAX8b6baMEN275ZZS7Dz0N2uKA+Q3VnGhEOH
cYD67uAH6P1gOSR9Xf74pqEYB89Tj+5rR0e2psq4dpajcTBvMB0GA1UdDgQWBBQm
ftqYFhQvC0YS7op43bjL6k/9KjAfBgNVHSMEGDAWgBQmftqYFhQvC0YS7op43bjL
6k/9KjAPBgNVHRMBAf8EBTADAQH/MBwGA1UdEQQVMBOCC3Rscy5leGFtcGxlhwR/
AAABMAoGCCqGSM49BAMCA0cAMEQCIEYfCfxr5LVTR8LwQu/j2G/L4FSVsHXr5eDS
GrrNg7mCAiBpYYN6EZQf+WEMNQb9hOLBmpEqJ/pid9sB91875i98Fw==
-----END CERTIFICATE-----
`;

export const testKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUfQ6s0kzKaKYbZQW
LU8Ah4aryIPv872NfePO+7sShkKhRANCAATCSKf2yhgF/G+m2jBDdu+WWUuw89Dd
rigPkN1ZxoRDh3GA+u7gB+j9YDkkfV3++KahGAfPU4/ua0dHtqbKuHaW
-----END PRIVATE KEY-----
`;

/** Lets connections made from now on trust the test certificate; returns how to take that back. */
export function trustTestCertificate(): () => void {
  const before = getCACertificates("default");
  setDefaultCACertificates([...before, testCertificate]);
  return () => setDefaultCACertificates(before);
}
