import { readFileSync } from "node:fs";

const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly scripts: { readonly start: string };
};
const command = /exec node (.+)$/.exec(scripts.start)?.[1];
if (command === undefined) throw new Error(`package.json starts no program: ${scripts.start}`);

/** What `npm start` runs once all is built, as Node's arguments. */
export const asStarted: readonly string[] = command.split(" ");
