import { parse } from "content-type";
import { decodeText } from "./decode-text.ts";

export type BodyFormat = "html" | "xml" | "json" | "other";

const sniffedBytes = 1024;

/** Types that say little: such bodies are judged by how they begin. */
const vagueTypes: readonly string[] = ["", "text/plain", "application/octet-stream"];

/**
 * Which reader may find links (§4) in a body. Policy: the name of the root element counts more than
 * the type, because feeds are often served as text/html, text/plain or application/xml.
 */
export function bodyFormat(contentType: string, body: Buffer): BodyFormat {
  const { type } = parse(contentType, { parameters: false });
  if (/[/+]json$/.test(type)) return "json";
  const isXml = /[/+]xml$/.test(type);
  if (!isXml && type !== "text/html" && !vagueTypes.includes(type)) return "other";
  const start = decodeText(body.subarray(0, sniffedBytes), contentType);
  return sniff(start) ?? (isXml ? "xml" : type === "text/html" ? "html" : "other");
}

function sniff(start: string): BodyFormat | undefined {
  if (start.trimStart().startsWith("{")) return "json";
  const root = /<(?:[a-z0-9]{1,16}:)?(html|feed|rss|rdf)[\s>]/i.exec(start)?.[1];
  if (root === undefined) return undefined;
  return root.toLowerCase() === "html" ? "html" : "xml";
}
