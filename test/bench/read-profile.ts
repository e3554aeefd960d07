import { readFile } from "node:fs/promises";
import type { Profiler } from "node:inspector";

// node test/bench/read-profile.ts FILE.cpuprofile: where the time went, without waiting; by place, and by function.
const [file = ""] = process.argv.slice(2);
// As the bench writes it.
const { nodes, samples = [], timeDeltas = [] } = JSON.parse(await readFile(file, "utf8")) as Profiler.Profile;
const mostLines = 45;
const outside = new Set(["(idle)", "(root)"]);

const selfUs = new Map<number, number>();
samples.forEach((id, i) => selfUs.set(id, (selfUs.get(id) ?? 0) + (timeDeltas[i] ?? 0)));
const busy = nodes.filter(({ callFrame }) => !outside.has(callFrame.functionName));
const totalUs = sum(busy.map(({ id }) => selfUs.get(id) ?? 0));

print("by place", groupBy(placeOf));
print(
  "by function",
  groupBy(({ functionName, url, lineNumber }) => `${functionName} ${shorten(url)}:${lineNumber + 1}`),
);

function groupBy(nameOf: (frame: Profiler.ProfileNode["callFrame"]) => string): ReadonlyMap<string, number> {
  const grouped = new Map<string, number>();
  for (const { id, callFrame } of busy) {
    const name = nameOf(callFrame);
    grouped.set(name, (grouped.get(name) ?? 0) + (selfUs.get(id) ?? 0));
  }
  return grouped;
}

function print(title: string, grouped: ReadonlyMap<string, number>): void {
  const lines = [...grouped].toSorted(([, a], [, b]) => b - a).slice(0, mostLines);
  const text = lines.map(([name, us]) => `${((100 * us) / totalUs).toFixed(1).padStart(6)} %  ${name}`);
  process.stdout.write(`${title} (${(totalUs / 1e6).toFixed(2)} s)\n${text.join("\n")}\n\n`);
}

/** A folder of ours, a package, or a part of Node. */
function placeOf({ functionName, url }: Profiler.ProfileNode["callFrame"]): string {
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) return dependency;
  const own = /\/((?:src|test)\/(?:[^/]+\/)*)/.exec(url)?.[1];
  if (own !== undefined) return own;
  return url === "" ? functionName : url.split("/", 2).join("/");
}

function shorten(url: string): string {
  return url.replace(/^.*\/(?=node_modules\/|src\/|test\/)/, "");
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}
