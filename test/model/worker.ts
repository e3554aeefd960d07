import process from "node:process";

import { brokenBy, type Sequences } from "./promises.ts";

/** One of the crew: tries what it is sent until its parent lets go of it. */
export type Answer = { readonly broken?: string | undefined };

process.on("message", (given: Sequences) => {
  void answer(given);
});

async function answer(given: Sequences): Promise<void> {
  const broken = await brokenBy(given);
  if (process.connected) process.send?.({ broken } satisfies Answer);
}
