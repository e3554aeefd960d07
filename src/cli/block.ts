import { readBlockValue } from "../blocks.ts";
import { loadConfig, SettingsError } from "../config.ts";
import { nearest } from "../config/nearest.ts";
import { type BlockKind, blockKinds } from "../model/block.ts";
import { openBlocks } from "../open-store.ts";
import type { Terminal } from "./command.ts";
import { takeFlag } from "./take-flag.ts";

/** What hubs that run take to hear of it. */
const hearing = "hubs that run know it within 5 seconds";

/** `carillon block KIND VALUE --reason TEXT`: refuses what matches from now on, and ends its subscriptions. Beside hubs that run. */
export async function block(argv: readonly string[], { env, print }: Terminal): Promise<void> {
  const { words, settings } = splitWords(argv);
  const { rest, text: reason } = takeFlag(settings, "--reason");
  const { kind, value } = readTarget("block", words);
  if (reason === undefined || reason.trim() === "") {
    throw new SettingsError(["--reason is missing: a sentence for those who are refused"]);
  }
  await using opened = await openBlocks(loadConfig(env, rest));
  await opened.blocks.add({ kind, value, reason: reason.trim() }, new Date());
  print(`${kind} ${value} is blocked: ${hearing}, refuse what it asks for and end its subscriptions`);
}

/** `carillon unblock KIND VALUE`. What the block has ended stays ended: its callback may ask anew. */
export async function unblock(argv: readonly string[], { env, print }: Terminal): Promise<void> {
  const { words, settings } = splitWords(argv);
  const { kind, value } = readTarget("unblock", words);
  await using opened = await openBlocks(loadConfig(env, settings));
  if (!(await opened.blocks.remove(kind, value)))
    throw new Error(`${kind} ${value} is not blocked: see carillon blocks`);
  print(`${kind} ${value} is not blocked any more: ${hearing}. What has ended stays so until it is asked for anew`);
}

/** `carillon blocks`: what is blocked, since when and why. */
export async function blocks(argv: readonly string[], { env, print }: Terminal): Promise<void> {
  await using opened = await openBlocks(loadConfig(env, argv));
  const listed = await opened.blocks.list();
  if (listed.length === 0) print("nothing is blocked");
  for (const { kind, value, reason, createdAt } of listed)
    print(`${createdAt.toISOString()}  ${kind} ${value}  ${reason}`);
}

/** What comes before the first flag, and the rest. */
function splitWords(argv: readonly string[]): {
  readonly words: readonly string[];
  readonly settings: readonly string[];
} {
  const at = argv.findIndex((word) => word.startsWith("--"));
  return at === -1 ? { words: argv, settings: [] } : { words: argv.slice(0, at), settings: argv.slice(at) };
}

function readTarget(
  command: string,
  [kindText, valueText, ...more]: readonly string[],
): { kind: BlockKind; value: string } {
  const kinds = blockKinds.join(", ");
  if (kindText === undefined || valueText === undefined) {
    throw new SettingsError([`carillon ${command} needs a kind (${kinds}) and a value`]);
  }
  const kind = blockKinds.find((known) => known === kindText);
  if (kind === undefined) {
    throw new SettingsError([`"${kindText}" is not one of ${kinds}: did you mean ${nearest(kindText, blockKinds)}?`]);
  }
  if (more.length > 0) throw new SettingsError([`"${more.join(" ")}" is not expected after the value`]);
  const read = readBlockValue(kind, valueText);
  if ("rule" in read) throw new SettingsError([`${kind} is "${valueText}": it must be ${read.rule}`]);
  return { kind, value: read.value };
}
