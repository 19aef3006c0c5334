// The statements of the pages about operating, also those within their lines, and the one that only a
// superuser may run here.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { repository } from "../dev/paths.ts";
import { startTestDatabase } from "../dev/test/database.ts";

const server = await startTestDatabase();
after(() => server.stop());

for (const page of ["operations", "staged-rollout", "uninstall"]) {
  test(`the SQL of docs/how-to/${page}.md runs`, async () => {
    const text = readFileSync(join(repository, `docs/how-to/${page}.md`), "utf8");
    const blocks = [...text.matchAll(/^ *```sql\n([\s\S]*?)^ *```/gm)].map(([, sql = ""]) => sql);
    const inline = [...text.matchAll(/`((?:select|update) [^`]+;)`/g)].map(([, sql = ""]) => sql);
    assert.ok(blocks.length + inline.length > 0);
    const db = await server.clone();
    await db.sql(
      "create table public.jobs (id int primary key, status text, finished_at timestamptz)",
    );
    await db.sql("select tocsin.watch_runs('public.jobs')");
    const [made] = await db.sql(
      `insert into tocsin.alert_channels (name, kind, url)
       values ('Ops', 'webhook', 'https://ops.example') returning channel_id`,
    );
    const channel = String(made?.["channel_id"]);
    // only a superuser may make an event trigger here
    for (const sql of [...blocks, ...inline]) {
      const runAs = sql.includes("follow_changes") ? db.superuser : db.sql;
      await runAs(sql.replace("<ref>", "abcdefghijklmnopqrst").replace("<channel_id>", channel));
    }
    await db.drop();
  });
}
