import { explainConfig } from "../config.ts";
import type { Terminal } from "./command.ts";

/** `carillon config`: every setting, the value in force and where it comes from. Starts nothing. */
export async function config(argv: readonly string[], { env, print }: Terminal): Promise<void> {
  const rows = explainConfig(env, argv).map(
    ({ name, text, from }) => [name, text === "" ? "(empty)" : text, from] as const,
  );
  const nameWidth = Math.max(...rows.map(([name]) => name.length));
  const textWidth = Math.max(...rows.map(([, text]) => text.length));
  for (const [name, text, from] of rows) print(`${name.padEnd(nameWidth)}  ${text.padEnd(textWidth)}  ${from}`);
}
