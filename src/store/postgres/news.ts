/** Where nodes tell each other of publications: one channel for each schema. */
export function channelOf(schema: string): string {
  return `carillon.${schema}`;
}

/** The setting of a connection that names its node. */
export const nodeSetting = "carillon.node";

/** SQL: tells the other nodes, once the transaction is on disk. */
export const tellNews = `pg_notify('${channelOf("")}' || current_schema(), current_setting('${nodeSetting}', true))`;
