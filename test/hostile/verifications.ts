// What callbacks answer when the hub asks whether they want a subscription.

/** `CHALLENGE` stands for what is to be echoed. `expect`: what becomes of the request, as the hub tells its operator. */
export type VerificationCase = {
  readonly what: string;
  readonly answer: string;
  readonly expect: "apply" | "drop" | "retry";
};

function answered(body: string, status = "200 OK", more = ""): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\n${more}Content-Length: AUTO\r\n\r\n${body}`;
}

function all(
  expect: VerificationCase["expect"],
  answers: Readonly<Record<string, string>>,
): readonly VerificationCase[] {
  return Object.entries(answers).map(([what, answer]) => ({ what, answer, expect }));
}

export const verifications: readonly VerificationCase[] = [
  ...all("apply", {
    "the challenge": answered("CHALLENGE"),
    "the challenge in quotes and blanks": answered(' "CHALLENGE"\r\n'),
  }),
  ...all("drop", {
    nothing: answered(""),
    "another challenge": answered("x".repeat(43)),
    "the challenge and more": answered("CHALLENGECHALLENGE"),
    "the challenge in a page": answered("<html>CHALLENGE</html>"),
    "the challenge after 4 KiB of blanks": answered(`${" ".repeat(4096)}CHALLENGE`),
    "the challenge in capitals": answered("CHALLENGE").replace("CHALLENGE", "\0CHALLENGE"),
    "the challenge with 404": answered("CHALLENGE", "404 Not Found"),
    "the challenge with 302": answered("CHALLENGE", "302 Found", "Location: http://127.0.0.1:2/\r\n"),
    "the challenge compressed": answered("\x1f\x8bCHALLENGE", "200 OK", "Content-Encoding: gzip\r\n"),
    "a megabyte": answered("x".repeat(1_000_000)),
  }),
  ...all("retry", {
    "the challenge with 500": answered("CHALLENGE", "500 X"),
    "the challenge with 999": answered("CHALLENGE", "999 X"),
    "no HTTP": "SSH-2.0-OpenSSH_9.9\r\n",
    "nothing at all": "",
    "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 43\r\nContent-Length: 44\r\n\r\nCHALLENGE",
    "half of it": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nCHALLENGE",
    "fields without end": `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(20_000)}`,
    "a switch of protocols": "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nCHALLENGE",
  }),
];
