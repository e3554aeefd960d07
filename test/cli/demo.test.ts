import { expect, test } from "vitest";

import { startProgram } from "./program.ts";

test("the demo shows every step up to a verified signature, and ends by SIGINT with 0", async () => {
  await using demo = startProgram(["demo"]);
  await demo.line(/^warehouse +signature verified +sha256=.* in stock$/);
  for (const step of [/answered 202$/, /echoes the challenge/, /pings the hub .*answered 204$/, /fetches the feed/]) {
    expect(await demo.line(step)).toBeDefined();
  }
  demo.signal("SIGINT");
  expect(await demo.ended).toEqual({ code: 0, complaint: "" });
  expect(demo.lines.at(-1)).toBe("The demo is over; its database is deleted");
});
