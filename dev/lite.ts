// Supabase Lite on our PostgreSQL: the Data API and Auth of the local stack, and the Auth tables of
// every database that the stack and the tests use.

import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";

export type Lite = {
  fetch: (request: Request) => Promise<Response>;
  close: () => Promise<void>;
};

export async function startLite(databaseUrl: string): Promise<Lite> {
  const connection = createPostgresConnection({
    url: databaseUrl,
    postgresOptions: { max: 10, onnotice: () => undefined },
  });
  const app = new App({ connection, auth: { enabled: true } });
  await app.ensureSystemSchema();
  return { fetch: async (request) => app.fetch(request), close: () => connection.close() };
}
