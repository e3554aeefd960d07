import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

// spec-notes/requirements.md names the tests that prove each requirement; these tests hold it to them.

const header = "| id | section | level | what holds | source | proven by |";
const rule = "| --- | --- | --- | --- | --- | --- |";
const cells = 6;
/** Ids, first and last of each run. */
const runs = ["1-3", "10-38", "40-44", "50-66", "70-74", "80-93", "100-119", "130-136", "140-148", "150-151"];

const tables = readTables(readFileSync("spec-notes/requirements.md", "utf8"));
const rows = tables.flatMap((table) => table.slice(2)).map(readRow);

test("every line with a bar is a row of six full cells, in a table with the one header", () => {
  expect(tables).not.toEqual([]);
  expect(tables.filter(([first, second]) => first !== header || second !== rule)).toEqual([]);
  expect(tables.flat().filter((line) => !isRow(line))).toEqual([]);
});

test("section, level and source are written as the introduction says", () => {
  const section = /^(?:0\.3 §)?\d(?:\.\d)*(?:[,;] (?:0\.3 §)?\d(?:\.\d)*)*$/;
  const level = /^(?:[MSm](?: (?:sub|pub))?|comp|facto|rob|–)$/;
  const source = /^(?:–|`[^`]+`(?:<br>`[^`]+`)*)$/;
  const odd = rows.filter((row) => !section.test(row.section) || !level.test(row.level) || !source.test(row.source));
  expect(odd).toEqual([]);
});

test("every requirement has one row, in order", () => {
  expect(rows.map(({ id }) => id)).toEqual(runs.flatMap(idsOf));
});

test("every row names what proves it and where it is built, or says why nothing can", () => {
  const proof = /^`test\/[^`]+`(?:<br>`test\/[^`]+`)*$/;
  const excuse = /^not applicable: \S/;
  expect(rows.filter((row) => !excuse.test(row.proof) && (!proof.test(row.proof) || row.source === "–"))).toEqual([]);
});

test("every source file named exists", () => {
  const named = rows.flatMap(({ id, source }) => codeSpans(source).map((file) => ({ id, file })));
  expect(named.filter(({ file }) => !file.startsWith("src/") || !existsSync(file))).toEqual([]);
});

test("every test named exists under its exact title", () => {
  const named = rows.flatMap(({ id, proof }) => codeSpans(proof).map((reference) => ({ id, reference })));
  const titles = new Map<string, readonly string[]>();
  const faults = named.filter(({ reference }) => {
    const { file, title } = readReference(reference);
    if (!titles.has(file)) titles.set(file, titlesIn(file));
    return titles.get(file)?.includes(title) !== true;
  });
  expect(faults).toEqual([]);
});

test("every transition drawn in delivery-states.md names its tests, and they exist", () => {
  const notes = readFileSync("spec-notes/delivery-states.md", "utf8");
  const drawn = [...notes.matchAll(/^ {2}\S+ --> \S+: ([PBH]\d+)/gm)].map(([, id = ""]) => id);
  const proofs = new Map(
    [...notes.matchAll(/^\| ([PBH]\d+) \| (.+) \|$/gm)].map(([, id = "", cell = ""]) => [id, cell]),
  );
  expect(new Set(proofs.keys())).toEqual(new Set(drawn));
  const faults = [...proofs].flatMap(([id, cell]) =>
    codeSpans(cell).flatMap((reference) => (isTest(reference) ? [] : [`${id} ${reference}`])),
  );
  expect(faults).toEqual([]);
});

test("every promise in SECURITY.md names its tests, and they exist", () => {
  const security = readFileSync("SECURITY.md", "utf8");
  const promises = [...security.matchAll(/^\| (.+\.) \| (.+) \|$/gm)].map(([, promise = "", cell = ""]) => ({
    promise,
    references: codeSpans(cell),
  }));
  expect(promises.length).toBeGreaterThan(15);
  expect(promises.filter(({ references }) => references.length === 0)).toEqual([]);
  expect(promises.flatMap(({ references }) => references.filter((reference) => !isTest(reference)))).toEqual([]);
});

test("every promise in the README leads to promises.md, which names its tests, and they exist", () => {
  const readme = readFileSync("README.md", "utf8");
  const promised = [...readme.matchAll(/^- \*\*\[(.+\.)\]\(spec-notes\/promises\.md#([a-f])\)\*\*/gm)];
  expect(promised.map(([, , letter]) => letter)).toEqual(["a", "b", "c", "d", "e", "f"]);
  const sections = readFileSync("spec-notes/promises.md", "utf8").split(/^## /m).slice(1);
  expect(sections.map((text) => text.split("\n", 1)[0]?.toLowerCase())).toEqual(promised.map(([, , letter]) => letter));
  for (const [i, text] of sections.entries()) {
    expect(text).toContain(promised[i]?.[1]);
    const references = [...text.matchAll(/^- `(.+)`$/gm)].map(([, reference = ""]) => reference);
    expect(references).not.toEqual([]);
    expect(references.filter((reference) => !isTest(reference))).toEqual([]);
  }
});

/** In a conformance suite tests stand inside a function. */
function isTest(reference: string): boolean {
  const { file, title } = readReference(reference);
  if (file !== "") return titlesIn(file).includes(title);
  const [, suite = "", name = ""] = /^(test\/conformance\/[\w-]+\.ts): (.+)$/.exec(reference) ?? [];
  if (!existsSync(suite)) return false;
  const lines = readFileSync(suite, "utf8").split("\n");
  return lines.some(
    (line) => /^ +(?:test\(|\] as const\)\(|test\.each\(.*\)\()/.test(line) && line.includes(`"${name}"`),
  );
}

function idsOf(run: string): readonly string[] {
  const [first = 0, last = 0] = run.split("-").map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => `R${String(first + index).padStart(2, "0")}`);
}

type Row = {
  readonly id: string;
  readonly section: string;
  readonly level: string;
  readonly source: string;
  readonly proof: string;
};

/** Runs of lines with a bar in them: tables, and what was meant to be one. */
function readTables(text: string): readonly (readonly string[])[] {
  const found: string[][] = [];
  let table: string[] | undefined;
  for (const line of text.split("\n")) {
    if (!line.includes("|")) table = undefined;
    else if (table) table.push(line);
    else found.push((table = [line]));
  }
  return found;
}

/** A bar within a cell is escaped. */
function splitCells(line: string): readonly string[] {
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function isRow(line: string): boolean {
  const split = splitCells(line);
  return line.startsWith("| ") && line.endsWith(" |") && split.length === cells && !split.includes("");
}

function readRow(line: string): Row {
  const [id = "", section = "", level = "", , source = "", proof = ""] = splitCells(line);
  return { id, section, level, source, proof };
}

function codeSpans(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
}

function readReference(reference: string): { readonly file: string; readonly title: string } {
  const [, file = "", title = ""] = /^(test\/[\w./-]+\.test\.ts): (.+)$/.exec(reference) ?? [];
  return { file, title };
}

/**
 * Titles given as string literals to `test(…)`, `test.concurrent(…)` or `test.each(…)(…)` at the top level of a file, so of none that is skipped
 * or commented out. The formatter sees to it that only a statement's first line begins with a letter. No file, no titles.
 */
function titlesIn(file: string): readonly string[] {
  if (!existsSync(file)) return [];
  const statements = readFileSync(file, "utf8").split(/\n(?=\w)/);
  const call = /^test(?:\.concurrent)?(?:\.each\b[^]*?\))?\(\s*("(?:[^"\\]|\\.)+"|'(?:[^'\\]|\\.)+'),/;
  return statements.flatMap((statement) => {
    const literal = call.exec(statement)?.[1];
    return literal === undefined ? [] : [literal.slice(1, -1).replaceAll(/\\(.)/g, "$1")];
  });
}
