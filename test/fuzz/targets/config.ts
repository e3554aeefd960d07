import * as fc from "fast-check";

import { explainConfig, loadConfig, SettingsError } from "../../../src/config.ts";
import { mutations } from "../mutations.ts";
import { pure } from "../target.ts";

const password = "hunter2hunter2";
const values: Readonly<Record<string, string>> = {
  CARILLON_HOST: "127.0.0.1",
  CARILLON_PORT: "8080",
  CARILLON_PUBLIC_URL: "https://hub.example/",
  CARILLON_DATABASE_URL: `postgres://carillon:${password}@db.example/carillon`,
  CARILLON_ALLOW_CIDRS: "127.0.0.0/8,fd00::/8",
  CARILLON_RETRY_DELAYS_SECONDS: "5,60,300",
  CARILLON_SIGNATURE_METHOD_BY_HOST: "*.example.com=sha1",
  CARILLON_TOPIC_MAX_BYTES: "10485760",
  CARILLON_TOPIC_POLICY: "advertised",
  CARILLON_TOPIC_DENY: "https://evil.example/,*.evil.example",
  CARILLON_LEASE_MIN_SECONDS: "300",
  CARILLON_MIGRATE: "true",
  CARILLON_LOG_LEVEL: "info",
};
const names = Object.keys(values);
const one = fc
  .constantFrom(...names)
  .chain((name) => mutations([values[name] ?? ""]).map((value) => [name, value] as const));
const odd = mutations(names).filter((name) => !name.endsWith("_FILE"));
const environments = fc.record({
  given: fc.array(one, { maxLength: 4 }),
  unknown: fc.array(fc.tuple(odd, fc.string({ maxLength: 10 })), { maxLength: 1 }),
});

/** Settings come from the operator, so it does not matter how long reading them takes. */
export const config = pure(
  "config",
  fc.property(environments, ({ given, unknown }) => {
    const env = Object.fromEntries([...unknown, ...given]);
    try {
      loadConfig(env, []);
      explainConfig(env, []);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      const url = env["CARILLON_DATABASE_URL"] ?? "";
      // Once, for a copy of it may stand where a user does.
      const isKept = url.includes(`:${password}@`) && url.split(password).length === 2;
      if (isKept && error.message.includes(password))
        throw new Error(`the password is shown: ${error.message}`, { cause: error });
    }
  }),
);
