/** SQL, of a row of `behind`: the first publication it owes from `next` on. On `latest` topics that is the newest. */
export function firstOwed(next: string): string {
  return `CASE (SELECT policy FROM topics WHERE id = topic_id) WHEN 'latest' THEN max(${next}, newest) ELSE ${next} END`;
}
