import type { Counts } from "../metrics/counts.ts";
import { hubPaths } from "./hub-page.ts";
import { pathOf } from "./target.ts";

const routes = new Map<string, string>([
  ...hubPaths.map((path): [string, string] => [path, "hub"]),
  ["/livez", "health"],
  ["/readyz", "health"],
  ["/metrics", "metrics"],
]);

/** Is told of each answer to the request of a target. */
export type CountAnswer = (target: string | undefined, status: number) => void;

/** Counts what is answered, by route and status. */
export function countAnswers(counts: Counts): CountAnswer {
  return (target, status) => counts.add("requests", `${routes.get(pathOf(target)) ?? "other"} ${status}`);
}
