import { request } from "node:http";
import { connect } from "node:net";

export type RawRequest = {
  readonly method?: string;
  /** Request target, byte for byte. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Where it comes from, in 127.0.0.0/8. On Linux all of it is there. */
  readonly from?: string;
};

export type RawAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};

/** One request by node:http, which unlike fetch changes neither target nor body and follows nothing. No type is added. */
export function sendRaw(
  url: string,
  { method = "POST", path = "/", headers = {}, body, from = "127.0.0.1" }: RawRequest,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const to = { hostname, port, path, method, headers, localAddress: from, agent: false };
    const sending = request(to, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: String(Buffer.concat(parts)) });
      });
    });
    sending.on("error", reject); // too late to matter once there is an answer: a hub may refuse before it has read all
    sending.end(body);
  });
}

/** Writes bytes to the hub and reads what comes back until it closes the connection. `end` closes our side at once. */
export function sendBytes(
  url: string,
  bytes: string | Buffer,
  { end = false, from = "127.0.0.1" } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const parts: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port), localAddress: from }, () => {
      if (end) socket.end(bytes);
      else socket.write(bytes);
    });
    socket.on("data", (part) => parts.push(part));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(String(Buffer.concat(parts))));
  });
}
