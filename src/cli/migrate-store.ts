import { SettingsError } from "../config.ts";
import { readFlags } from "../config/gather.ts";
import { hidePassword } from "../config/hide-password.ts";
import { nearest } from "../config/nearest.ts";
import type { DatabaseAddress } from "../config/rules.ts";
import { shape } from "../config/schema.ts";
import { tellDatabase } from "../config/tell-database.ts";
import { HubError } from "../errors.ts";
import { type MovedTable, moveStore } from "../move-store.ts";
import type { Terminal } from "./command.ts";

const flags = ["--from", "--to"] as const;
type Flag = (typeof flags)[number];

/**
 * `carillon migrate-store --from URL --to URL`: moves everything from one database to another, empty one, and prints how they
 * compare. Throws SettingsError, which lists every fault of the flags, and HubError when nothing was moved.
 */
export async function migrateStore(argv: readonly string[], { print, stopped }: Terminal): Promise<void> {
  const { from, to } = readAddresses(argv);
  print(`from  ${tellDatabase(from)}`);
  print(`to    ${tellDatabase(to)}`);
  print("");
  const onCopied = (table: string, rows: number) => print(`copied ${rows} ${table}`);
  const tables = await moveStore(from, to, { signal: stopped, onCopied });
  print("");
  for (const line of describeTables(tables)) print(line);
  const differing = tables.filter(({ isAlike }) => !isAlike).map(({ name }) => name);
  if (differing.length > 0)
    throw new HubError("store_unavailable", `nothing was moved: the copy differs in ${differing.join(", ")}`);
  print("");
  print("moved: set CARILLON_DATABASE_URL to the new database, and never start a hub on the old one again");
}

function describeTables(tables: readonly MovedTable[]): readonly string[] {
  const rows = tables.map(({ name, source, target, isAlike }) => {
    const verdict = isAlike ? `ok ${source.checksum.slice(0, 16)}` : `DIFFERS (${target.rows} rows arrived)`;
    return [name, String(source.rows), verdict] as const;
  });
  const width = Math.max(...rows.map(([name]) => name.length));
  const digits = Math.max("rows".length, ...rows.map(([, count]) => count.length));
  return [["table", "rows", "checksum"] as const, ...rows].map(
    ([name, count, verdict]) => `${name.padEnd(width)}  ${count.padStart(digits)}  ${verdict}`,
  );
}

function readAddresses(argv: readonly string[]): Record<"from" | "to", DatabaseAddress> {
  const faults: string[] = [];
  const texts = readTexts(argv, faults);
  const from = readAddress("--from", texts, faults);
  const to = readAddress("--to", texts, faults);
  if (from === undefined || to === undefined || faults.length > 0) throw new SettingsError(faults);
  return { from, to };
}

function readTexts(argv: readonly string[], faults: string[]): ReadonlyMap<Flag, string> {
  const texts = new Map<Flag, string>();
  for (const { word: label, text } of readFlags(argv)) {
    const flag = flags.find((known) => known === label);
    if (flag === undefined) faults.push(tellUnknown(label));
    else if (texts.has(flag)) faults.push(`${flag} is given more than once`);
    else texts.set(flag, text ?? "");
  }
  return texts;
}

function tellUnknown(label: string): string {
  if (label.startsWith("--")) return `${label} is not a flag of migrate-store: did you mean ${nearest(label, flags)}?`;
  return `"${hidePassword(label)}" is not expected here: only --from URL and --to URL`;
}

function readAddress(flag: Flag, texts: ReadonlyMap<Flag, string>, faults: string[]): DatabaseAddress | undefined {
  const text = texts.get(flag);
  const read = shape.databaseUrl.safeParse(text ?? "");
  if (read.success) return read.data;
  const rule = read.error.issues.map(({ message }) => message).join("; ");
  faults.push(text ? `${flag} is "${hidePassword(text)}": ${rule}` : `${flag} is missing: ${rule}`);
  return undefined;
}
