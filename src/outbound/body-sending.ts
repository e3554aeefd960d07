import type { Socket } from "node:net";

import { largeBytes } from "../work/large-body.ts";

/**
 * One body on its way into a socket. A large one goes in slices, as fast as the peer takes them, for TLS would encrypt all of it
 * at once for each peer; and by way of a copy, so that it can be freed whatever the system still holds. If that happens before
 * its end the connection is closed: a request without its end is none.
 */
export class BodySending {
  readonly #socket: Socket;
  readonly #body: Buffer;
  readonly #bytes: number;
  readonly #slice: Buffer;
  #sent = 0;

  constructor(socket: Socket, body: Buffer) {
    this.#socket = socket;
    this.#body = body;
    this.#bytes = body.length;
    this.#slice = body.length > largeBytes ? Buffer.allocUnsafeSlow(largeBytes) : body;
    this.#next();
  }

  /** All of it was given to the socket. */
  get isDone(): boolean {
    return this.#sent === this.#bytes;
  }

  #next(): void {
    if (this.#slice === this.#body) {
      this.#sent = this.#bytes;
      this.#socket.write(this.#body);
    } else if (this.#body.length !== this.#bytes) {
      this.#socket.destroy();
    } else if (!this.isDone) {
      const copied = this.#body.copy(this.#slice, 0, this.#sent);
      this.#sent += copied;
      this.#socket.write(this.#slice.subarray(0, copied), (error) => {
        if (error === null || error === undefined) this.#next();
      });
    }
  }
}
