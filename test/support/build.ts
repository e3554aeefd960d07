import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Once for the whole run: tests start what is built here side by side. */
export async function setup(): Promise<void> {
  await promisify(execFile)("npm", ["run", "--silent", "build"]);
}
