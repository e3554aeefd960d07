/** The candidate that takes the fewest edits (insert, remove, replace one character) to become `word`; the first of equals. */
export function nearest(word: string, candidates: readonly string[]): string {
  const ranked = candidates.map((candidate) => ({ candidate, edits: countEdits(word, candidate) }));
  return ranked.reduce((best, next) => (next.edits < best.edits ? next : best)).candidate;
}

// Levenshtein's distance, a row of the table at a time.
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let index = 0; index < from.length; index++) row = nextRow(row, index + 1, from.charAt(index), to);
  return row.at(-1) ?? 0;
}

function nextRow(above: readonly number[], first: number, letter: string, to: string): number[] {
  const row = [first];
  for (let column = 1; column <= to.length; column++) {
    const replaced = (above[column - 1] ?? 0) + (to[column - 1] === letter ? 0 : 1);
    const edited = 1 + Math.min(above[column] ?? 0, row[column - 1] ?? 0);
    row.push(Math.min(replaced, edited));
  }
  return row;
}
