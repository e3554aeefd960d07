import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** What a process that may open so many files reads. */
async function readIn(openFiles: string, argument = ""): Promise<string> {
  const module = JSON.stringify(new URL("../../src/outbound/descriptor-limit.ts", import.meta.url).href);
  const program = `console.log((await import(${module})).readDescriptorLimit(${argument}))`;
  const limited = `ulimit -n ${openFiles} && exec "$0" --input-type=module -e "$1"`;
  const { stdout } = await promisify(execFile)("sh", ["-c", limited, process.execPath, program]);
  return stdout.trim();
}

test.each(["256", "777"])("the limit of open files is read where it is %s", async (openFiles) => {
  expect(await readIn(openFiles)).toBe(openFiles);
});

test("where the system gives no account of it, Node's report tells the same", async () => {
  expect(await readIn("777", JSON.stringify("/nowhere/limits"))).toBe("777");
});

test("a soft limit below the hard one is not what bounds the process: Node has raised it", async () => {
  expect(await readIn("777 && ulimit -S -n 300")).toBe("777");
});
