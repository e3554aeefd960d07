import pg from "pg";

const int8: number = pg.types.builtins.INT8;
const int8Array = 1016;

/** Ids, numbers and times stay far below 2^53. */
function toNumbers(value: string): readonly number[] {
  return value === "{}" ? [] : value.slice(1, -1).split(",").map(Number);
}

/** How columns become values. */
export const parseColumns: pg.CustomTypesConfig = {
  getTypeParser: (type: number, format?: "text" | "binary") => {
    if (format !== "binary" && type === int8) return Number;
    if (format !== "binary" && type === int8Array) return toNumbers;
    return pg.types.getTypeParser(type, format) as (value: unknown) => unknown;
  },
};
