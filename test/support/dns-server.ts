import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** What a zone says of a name: addresses of both families behind a chain of aliases, or how it fails. */
export type Zone = {
  readonly addresses?: readonly string[];
  readonly alias?: string;
  readonly ttl?: number;
  readonly fails?: keyof typeof codes | "silence" | "nonsense";
  /** For questions of this family alone. */
  readonly family?: 4 | 6;
  /** Says over UDP that the answer does not fit. */
  readonly truncates?: boolean;
};

export type DnsServer = AsyncDisposable & {
  /** For `servers` of a resolver. */
  readonly address: string;
  /** What it knows; everything else is NXDOMAIN. The root is "". */
  readonly zones: Map<string, Zone>;
  /** Questions so far, as `A www.example`, over TCP as `A www.example (tcp)`. */
  readonly questions: string[];
};

const codes = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const types = new Map([
  [1, "A"],
  [2, "NS"],
  [28, "AAAA"],
]);

/** A name server (RFC 1035) on loopback, over UDP and TCP. It knows the root: name servers that work do. */
export async function openDnsServer(zones: Readonly<Record<string, Zone>> = {}): Promise<DnsServer> {
  const known = new Map<string, Zone>(Object.entries({ "": {}, ...zones }));
  const questions: string[] = [];
  const tcp = createServer((socket) => void serveTcp(socket));
  tcp.listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket("udp4");
  udp.bind(port, "127.0.0.1");
  await once(udp, "listening");
  udp.on("message", (message, peer) => {
    const answer = reply(message, "");
    if (answer !== undefined) udp.send(answer, peer.port, peer.address);
  });

  async function serveTcp(socket: Socket): Promise<void> {
    socket.on("error", () => undefined);
    const [chunk] = (await once(socket, "data")) as [Buffer];
    const answer = reply(chunk.subarray(2), " (tcp)");
    if (answer !== undefined) socket.end(Buffer.concat([uint16(answer.length), answer]));
  }

  function reply(message: Buffer, over: string): Buffer | undefined {
    const { name, type, end } = readQuestion(message);
    questions.push(`${types.get(type) ?? type} ${name}${over}`);
    const zone = known.get(name) ?? { fails: "NXDOMAIN" };
    const isMeant = zone.family === undefined || type === (zone.family === 4 ? 1 : 28);
    if (isMeant && zone.fails === "silence") return undefined;
    if (isMeant && zone.fails === "nonsense") return Buffer.concat([message.subarray(0, 2), Buffer.alloc(3, 255)]);
    const code =
      isMeant && zone.fails !== undefined && zone.fails in codes ? codes[zone.fails as keyof typeof codes] : 0;
    const isCut = zone.truncates === true && over === "";
    const records = code === 0 && !isCut ? toRecords(zone, type) : [];
    const flags = 0x8180 | code | (isCut ? 0x0200 : 0);
    const head = Buffer.concat([message.subarray(0, 2), ...[flags, 1, records.length, 0, 0].map(uint16)]);
    return Buffer.concat([head, message.subarray(12, end), ...records]);
  }

  return {
    address: `127.0.0.1:${port}`,
    zones: known,
    questions,
    async [Symbol.asyncDispose]() {
      udp.close();
      tcp.close();
      await once(tcp, "close");
    },
  };
}

function readQuestion(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length).toLowerCase());
    at += length + 1;
  }
  return { name: labels.join("."), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/** The alias first, which points from the question's name to where the addresses are. */
function toRecords({ addresses = [], alias, ttl = 60 }: Zone, type: number): Buffer[] {
  const asked = Buffer.from([0xc0, 12]);
  const owner = alias === undefined ? asked : encodeName(alias);
  const data = addresses.filter((address) => address.includes(":") === (type === 28)).map(encodeAddress);
  const records = type === 1 || type === 28 ? data.map((bytes) => encodeRecord(owner, type, ttl, bytes)) : [];
  if (type === 2) records.push(encodeRecord(asked, 2, ttl, encodeName("ns.example")));
  return alias === undefined ? records : [encodeRecord(asked, 5, ttl, encodeName(alias)), ...records];
}

function encodeRecord(owner: Buffer, type: number, ttl: number, data: Buffer): Buffer {
  const seconds = Buffer.alloc(4);
  seconds.writeUInt32BE(ttl);
  return Buffer.concat([owner, uint16(type), uint16(1), seconds, uint16(data.length), data]);
}

function encodeName(name: string): Buffer {
  const labels = name.split(".").flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** IPv6 in full: eight groups, none left out. */
function encodeAddress(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  return Buffer.concat(address.split(":").map((group) => uint16(Number.parseInt(group, 16))));
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
