import type { KeyObject } from "node:crypto";

import { gather, type Environment, type Gathered } from "./config/gather.ts";
import { hidePassword } from "./config/hide-password.ts";
import type { DatabaseAddress } from "./config/rules.ts";
import { settingsSchema, type SettingKey } from "./config/schema.ts";
import { type Setting, settings } from "./config/settings.ts";
import type { SignatureMethod } from "./model/signature-method.ts";

/** Every setting of the hub, checked. */
export type Config = {
  readonly host: string;
  readonly port: number;
  /** Serialised by URL, so it always ends in a path. Absent: http://localhost:PORT/, known once listening. */
  readonly publicUrl?: string | undefined;
  readonly database: DatabaseAddress;
  /** Absent: one is made at the first start, and kept beside the database. */
  readonly adminToken?: string | undefined;
  /** Absent: the admin surface is on the port that all else is on. */
  readonly adminPort?: number | undefined;
  readonly allowCidrs: readonly string[];
  /** An http URL, with user and password where the proxy wants them. */
  readonly egressProxy?: string | undefined;
  readonly leaseMinSeconds: number;
  readonly leaseDefaultSeconds: number;
  readonly leaseMaxSeconds: number;
  readonly retryDelaysSeconds: readonly number[];
  readonly signatureMethod: SignatureMethod;
  /** Callback host pattern (`example.com`, `*.example.com`) to method; first match wins. */
  readonly signatureMethodByHost: readonly (readonly [pattern: string, method: SignatureMethod])[];
  readonly topicMaxBytes: number;
  readonly fetchMinIntervalSeconds: number;
  readonly topicPolicy: "open" | "advertised";
  readonly topicAllow: readonly string[];
  readonly topicDeny: readonly string[];
  readonly callbackDeny: readonly string[];
  readonly requestsPerMinute: number;
  /** 0: no limit. So are the next three. */
  readonly verificationsPerMinute: number;
  readonly pendingPerClient: number;
  readonly pendingPerHost: number;
  readonly subscriptionsPerHost: number;
  readonly trustProxyCidrs: readonly string[];
  readonly hostConcurrency: number;
  readonly deliveryThreads: number;
  readonly maxInFlight: number;
  /** Absent: no limit. */
  readonly dbMaxMb?: number | undefined;
  /** The first seals secrets, all of them open what is sealed. None: secrets are kept as they are. */
  readonly secretKeys: readonly KeyObject[];
  /** False: refuse to start when migrations are pending. */
  readonly migrate: boolean;
  readonly logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
};

/** The settings are wrong. The message lists every fault, one a line. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(["the settings are wrong:", ...faults].join("\n  "));
    this.faults = faults;
  }
}

/** A setting as `carillon config` shows it. */
export type SettingInForce = {
  readonly name: string;
  readonly text: string;
  readonly from: "default" | "environment" | "flag" | "file";
};

/**
 * The settings from flags, environment and defaults, in this order; secrets also from files that these name. Empty means unset;
 * CARILLON_TEST_* is ignored. Throws one SettingsError with every fault: unknown names, flags without value, files that
 * cannot be read, values that break their rule.
 */
export function loadConfig(env: Environment, argv: readonly string[]): Config {
  return judge(gather(env, argv));
}

function judge(gathered: Gathered): Config {
  const result = settingsSchema.safeParse(textsToJudge(gathered));
  const faults = [...gathered.faults, ...(result.error?.issues ?? []).map((issue) => tellFault(issue, gathered))];
  if (!result.success || faults.length > 0) throw new SettingsError(faults);
  const { databaseUrl, secretKey: secretKeys, ...rest } = result.data;
  return { ...rest, database: databaseUrl, secretKeys };
}

/** Every setting as written, or what is used in its place, and where it comes from; never a password or a key. Throws like loadConfig. */
export function explainConfig(env: Environment, argv: readonly string[]): readonly SettingInForce[] {
  const gathered = gather(env, argv);
  const { given } = gathered;
  const config: Readonly<Record<string, unknown>> = judge(gathered);
  return settings.map((setting) => {
    const { key, name, fallback } = setting;
    const said = given.get(key);
    if (said !== undefined && said.text !== "") return { name, text: show(setting, said.text), from: said.from };
    const used = config[key];
    return { name, text: typeof used === "number" ? String(used) : fallback, from: "default" };
  });
}

function textsToJudge({ given }: Gathered): Partial<Record<SettingKey, string>> {
  return Object.fromEntries([...given].filter(([, said]) => said.text !== "").map(([key, said]) => [key, said.text]));
}

function tellFault(issue: { path: PropertyKey[]; message: string }, { given }: Gathered): string {
  const setting = settings.find(({ key }) => key === issue.path[0]);
  const said = setting && given.get(setting.key);
  const label = said?.label ?? setting?.name ?? "a setting";
  const text = said?.text ?? setting?.fallback ?? "";
  return `${label} is "${shorten(setting ? show(setting, text) : text)}": ${issue.message}`;
}

/** A list is told once for each of its parts that are wrong. */
function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function show({ secret }: Setting, text: string): string {
  if (secret === "whole") return "***";
  return secret === "password" ? hidePassword(text) : text;
}
