/** SQL, of a row of `behind`: the first publication it owes from `next` on. On `latest` topics that is the newest. */
export function firstOwed(next: string, row = "behind"): string {
  return `CASE (SELECT policy FROM topics WHERE id = ${row}.topic_id) WHEN 'latest' THEN greatest(${next}, ${row}.newest) ELSE ${next} END`;
}
