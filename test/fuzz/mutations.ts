import * as fc from "fast-check";

type Edit = {
  readonly at: number;
  readonly gone: number;
  readonly put: string;
  /** What goes is put in so often. */
  readonly times: number;
};

/** What breaks readers of any kind. */
const oddities = [
  "\0",
  "\r\n",
  "\n",
  "\t",
  " ",
  '"',
  "'",
  "\\",
  "<",
  ">",
  "%",
  "%00",
  "&",
  ";",
  ",",
  "=",
  ":",
  "/",
  "é",
  "\u{fffd}",
  "\ud800",
  "\u202e",
  "[",
  "]",
  "{",
  "}",
  "#",
  "?",
  "@",
  "-1",
  "0",
  "9".repeat(30),
];

/** Texts like those of `corpus`, changed at random places: `pieces` or odd characters put in, parts cut out, copied, repeated. */
export function mutations(corpus: readonly string[], pieces: readonly string[] = []): fc.Arbitrary<string> {
  const put = fc.oneof(fc.constantFrom(...oddities, ...pieces), fc.string({ maxLength: 8 }));
  const edit: fc.Arbitrary<Edit> = fc.record({
    at: fc.nat(),
    gone: fc.nat({ max: 24 }),
    put: fc.oneof({ weight: 3, arbitrary: put }, { weight: 1, arbitrary: fc.constant("") }),
    times: fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 3 }) }, { weight: 1, arbitrary: fc.constantFrom(100, 3000) }),
  });
  const changed = fc
    .tuple(fc.constantFrom(...corpus), fc.array(edit, { maxLength: 6 }))
    .map(([text, edits]) => edits.reduce(change, text));
  return fc.oneof({ weight: 9, arbitrary: changed }, { weight: 1, arbitrary: fc.string({ maxLength: 200 }) });
}

function change(text: string, { at, gone, put, times }: Edit): string {
  const from = at % (text.length + 1);
  const cut = text.slice(from, from + gone);
  return text.slice(0, from) + put + cut.repeat(times) + text.slice(from + gone);
}
