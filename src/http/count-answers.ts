import type { Counts } from "../metrics/counts.ts";
import { hubPaths } from "./hub-routes.ts";
import type { Answer } from "./listen.ts";

const routes = new Map<string, string>([
  ...hubPaths.map((path): [string, string] => [path, "hub"]),
  ["/livez", "health"],
  ["/readyz", "health"],
  ["/metrics", "metrics"],
]);

/** Counts what is answered, by route and status. */
export function countAnswers(answer: Answer, counts: Counts): Answer {
  return async (request, env) => {
    const response = await answer(request, env);
    const [path = ""] = (env.incoming.url ?? "").split("?", 1);
    counts.add("requests", `${routes.get(path) ?? "other"} ${response.status}`);
    return response;
  };
}
