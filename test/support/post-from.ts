import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";

/** POSTs a form from another address of this machine, as another client. Resolves to the status. */
export async function postFrom(address: string, url: string, form: Readonly<Record<string, string>>): Promise<number> {
  const asking = request(url.replace("//localhost:", "//127.0.0.1:"), {
    method: "POST",
    localAddress: address,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  asking.end(new URLSearchParams(form).toString());
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode ?? 0;
}
