import { AnswerReader } from "../../src/outbound/answer-reader.ts";
import { OutboundError } from "../../src/outbound/failure.ts";

/** What somebody who wants all of an answer makes of it, whose connection has ended then. */
export type WholeAnswer =
  | { readonly status: number; readonly fields: readonly (readonly [string, string])[]; readonly body: string }
  | "broken";

export function readAnswer(chunks: readonly Buffer[]): WholeAnswer {
  const pieces: string[] = [];
  const reader = new AnswerReader(Infinity, (piece) => pieces.push(piece.toString("latin1")));
  try {
    for (const chunk of chunks) if (!reader.isOver) reader.push(chunk);
    reader.end();
  } catch (error) {
    if (!(error instanceof OutboundError) || error.reason !== "broken") throw error;
    return "broken";
  }
  if (reader.head === undefined) throw new Error("it has ended without a head");
  return { status: reader.head.status, fields: [...reader.head.fields], body: pieces.join("") };
}
