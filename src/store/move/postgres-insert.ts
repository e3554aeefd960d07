import { columnsOf, type Kind, quote, type Row, type Table } from "./tables.ts";

/** How a value is sent: many rows as one array for each column. */
const types: Readonly<Partial<Record<Kind, string>>> = {
  whole: "bigint",
  place: "bigint",
  flag: "bigint",
  real: "float8",
  text: "text",
  ids: "text",
  secret: "bytea",
  pair: "bytea",
  body: "bytea",
};

/** Columns without a value of their own, where their default will not do: chunks that nobody has claimed. */
const unclaimed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  chunks: { owner: "''", lease_until: "'-infinity'" },
};

/** SQL that inserts rows as `toColumns` gives them. */
export function insertOf(table: Table): string {
  const sent = sentOf(table);
  const params = sent.map(([, kind], i) => `$${i + 1}::${types[kind]}${kind === "body" ? "" : "[]"}`);
  const arrays = params.filter((_, i) => sent[i]?.[1] !== "body");
  const names = sent.filter(([, kind]) => kind !== "body").map(([column]) => column);
  const values = sent.map(([column, kind], i) => valueOf(column, kind) ?? `${params[i]}`);
  const constants = Object.entries(unclaimed[table.name] ?? {});
  const columns = [...sent.map(([column]) => column), ...constants.map(([column]) => column)];
  return `INSERT INTO ${quote([table.name])} (${quote(columns)}) OVERRIDING SYSTEM VALUE
    SELECT ${[...values, ...constants.map(([, value]) => value)].join(", ")}
      FROM unnest(${arrays.join(", ")}) sent(${quote(names)})`;
}

/** The parameters: for each column all its values. A body is sent alone, in half the memory. */
export function toColumns(table: Table, rows: readonly Row[]): readonly unknown[] {
  return columnsOf(table).flatMap(([, kind], i) => {
    if (types[kind] === undefined) return [];
    return [kind === "body" ? rows[0]?.[i] : rows.map((row) => row[i])];
  });
}

function sentOf(table: Table): readonly (readonly [string, Kind])[] {
  return columnsOf(table).filter(([, kind]) => types[kind] !== undefined);
}

/** Absent: it is the parameter itself. */
function valueOf(column: string, kind: Kind): string | undefined {
  const sent = `sent.${quote([column])}`;
  if (kind === "flag") return `${sent} <> 0`;
  if (kind === "ids") return `translate(${sent}, '[]', '{}')::bigint[]`;
  return kind === "body" ? undefined : sent;
}
