// COPY … FROM STDIN over the driver's own connection, as psql and pg_restore do it.

import { once } from "node:events";
import type pg from "pg";

type Connection = {
  query: (text: string) => void;
  sendCopyFromChunk: (chunk: Buffer) => void;
  endCopyFrom: () => void;
  stream: NodeJS.WritableStream & { writableNeedDrain?: boolean };
};

/** Copies lines of COPY's text format; resolves when they are there. */
export async function copyFrom(
  client: pg.Client,
  statement: string,
  lines: Iterable<string>,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const copying = {
      submit: (connection: Connection): void => connection.query(statement),
      handleCopyInResponse: (connection: Connection): void => {
        void (async () => {
          for (const line of lines) {
            connection.sendCopyFromChunk(Buffer.from(line));
            if (connection.stream.writableNeedDrain) await once(connection.stream, "drain");
          }
          connection.endCopyFrom();
        })().catch(reject);
      },
      handleCommandComplete: (): void => undefined,
      handleReadyForQuery: (): void => resolve(),
      handleError: (error: Error): void => reject(error),
    };
    client.query(copying as unknown as pg.Submittable);
  });
}
