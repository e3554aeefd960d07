import { once } from "node:events";
import process from "node:process";

import { loadConfig } from "../../src/config.ts";
import { createHub } from "../../src/hub.ts";

/** `carillon serve`, save that its claims last as many milliseconds as it is told. */
await using hub = createHub(loadConfig(process.env, []), { leaseMs: Number(process.argv[2]) });
await hub.start();
process.stdout.write(`hub  ${hub.url}\nlistening  ${hub.listening.host} port ${hub.listening.port}\n`);
await once(process, "SIGTERM");
