import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: ["test/support/build.ts", "test/support/postgres-server.ts"],
    // What hangs is to fail; what is slow beside other work is not.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What has run once in a process runs fast: a fresh one for each file takes twice as long. So what a file changes of
    // its process it changes back.
    isolate: false,
    // Most of them wait for sockets and disks: none of the processors is to be idle meanwhile.
    maxWorkers: "100%",
  },
});
