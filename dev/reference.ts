// npm run reference: writes the pages about everything in the schema tocsin that people may touch,
// docs/reference/sql/*.md, from the catalogue of a database with the migrations on it. The
// descriptions are the objects' own comments; tests/reference.test.ts finds pages that are behind.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as prettier from "prettier";
import { z } from "zod";
import { repository } from "./paths.ts";
import { type Sql, startTestDatabase } from "./test/database.ts";

export const referenceDir = join(repository, "docs/reference/sql");

/** The pages, and what is on each: a new table or function says here where it belongs. */
const pages: { file: string; title: string; about: string; holds: RegExp }[] = [
  {
    file: "runs-and-metrics.md",
    title: "Runs and metrics in SQL",
    about: "Watching run tables, and how their runs ended.",
    holds:
      /^(run_|workflow_(run_metrics|settings|names)|names$|watch_runs|unwatch_runs|backfill|reconcile|page_run_|read_workflow_metrics|scrape_metrics|stuck_|criticality)/,
  },
  {
    file: "errors.md",
    title: "Errors in SQL",
    about: "Reporting errors, watching tables of events, reading, grouping, redacting, forwarding.",
    holds:
      /error|ingest_key|redaction|forward|group_(action|status)|workflow_disruption|announce_environment|classifier/,
  },
  {
    file: "queues-and-platform.md",
    title: "Queues, cron jobs and webhooks in SQL",
    about: "What is known of queues, of pg_cron's jobs and of pg_net's requests.",
    holds:
      /queue|dead_letter|cron|webhook|request_waits|label_request|net_|platform|pgflow|pg_?boss/,
  },
  {
    file: "alerts.md",
    title: "Alerts in SQL",
    about: "Settings, alerts, decisions, quiet periods, silences, backtests.",
    holds:
      /^(alert(?!_channels)|acknowledge|backtest|quiet|silence|explain_run|no_data|severity|decision|unaccounted|notification|configuration|template|throttle|trigger_alert|save_alert|read_alert|read_decisions)/,
  },
  {
    file: "delivery.md",
    title: "Channels and deliveries in SQL",
    about: "Where notifications go, and how they fared.",
    holds:
      /channel|deliver|attempt|breaker|unsubscribe|send_(test_alert|paces)|check_doorbell|^(claim|record|release)_/,
  },
  {
    file: "access-and-operation.md",
    title: "Access and operation in SQL",
    about: "Who may see what, setting up, looking after.",
    holds:
      /member|operator|my_project|^dashboard_|^(setup|doctor|version|self_|retention|finding|check_status|heartbeat|upgrade|uninstall|stage|api_|note_api|trouble|regenerate|rewatch|follow_changes)/,
  },
];

const columnSchema = z.object({
  name: z.string(),
  type: z.string(),
  is_required: z.boolean(),
  default: z.string().nullable(),
  description: z.string().nullable(),
});
const relationSchema = z.object({
  name: z.string(),
  is_view: z.boolean(),
  description: z.string().nullable(),
  grants: z.string().nullable(),
  columns: z.array(columnSchema),
  rules: z.array(z.string()).nullable(),
});
const functionSchema = z.object({
  name: z.string(),
  arguments: z.string(),
  result: z.string(),
  description: z.string().nullable(),
  callers: z.array(z.string()).nullable(),
});
const typeSchema = z.object({
  name: z.string(),
  labels: z.array(z.string()),
  description: z.string().nullable(),
});

/** The text of each page, by its file's name. */
export async function renderReference(sql: Sql): Promise<Map<string, string>> {
  const relations = z.array(relationSchema).parse(await sql(relationQuery));
  const functions = z.array(functionSchema).parse(await sql(functionQuery));
  const types = z.array(typeSchema).parse(await sql(typeQuery));

  for (const { name } of [...relations, ...functions, ...types]) {
    if (!pages.some(({ holds }) => holds.test(name))) {
      throw new Error(`No page of dev/reference.ts holds tocsin.${name}: add it to one`);
    }
  }
  const style = await prettier.resolveConfig(join(referenceDir, "any.md"));
  const texts = new Map<string, string>();
  for (const page of pages) {
    const own = <Item extends { name: string }>(items: Item[]): Item[] =>
      items.filter(({ name }) => pages.find(({ holds }) => holds.test(name)) === page);
    const text = [
      `# ${page.title}`,
      `${page.about} Made from the comments in the database by \`npm run reference\`: do not edit it here.`,
      ...own(relations).map(relationText),
      ...own(functions).map(functionText),
      ...(own(types).length > 0 ? ["## Types", ...own(types).map(typeText)] : []),
    ].join("\n\n");
    texts.set(page.file, await prettier.format(text, { ...style, parser: "markdown" }));
  }
  return texts;
}

function relationText(relation: z.infer<typeof relationSchema>): string {
  const columns = relation.columns.map(
    (column) =>
      `| \`${column.name}\` | ${shortType(column.type)}${column.is_required ? "" : ", or null"} | ${
        column.default ? `\`${cell(column.default)}\`` : ""
      } | ${cell(column.description)} |`,
  );
  const rules = relation.rules?.map((rule) => rule.replaceAll("_", " ")).join("; ");
  return [
    `## ${relation.name}`,
    `${relation.is_view ? "A view." : "A table."} ${prose(relation.description)}`,
    ["| column | type | default | what it is |", "| --- | --- | --- | --- |", ...columns].join(
      "\n",
    ),
    ...(rules ? [`Rules: ${rules}.`] : []),
    relation.grants
      ? `Through the API, under row-level security: ${relation.grants}.`
      : "Not reached through the API.",
  ].join("\n\n");
}

function functionText(one: z.infer<typeof functionSchema>): string {
  const callers = one.callers?.join(", ");
  return [
    `## ${one.name}()`,
    `\`\`\`sql\ntocsin.${one.name}(${shortType(one.arguments)})\n  returns ${shortType(one.result)}\n\`\`\``,
    prose(one.description),
    callers ? `Called by: ${callers}.` : "Called by the project's owner, in SQL.",
  ].join("\n\n");
}

function typeText(type: z.infer<typeof typeSchema>): string {
  const labels = type.labels.map((label) => `\`${label}\``).join(", ");
  return `**${type.name}**: ${prose(type.description)} ${labels}.`;
}

const shortType = (text: string): string =>
  text.replaceAll("tocsin.", "").replaceAll("timestamp with time zone", "timestamptz");
const prose = (text: string | null): string =>
  (text ?? "").replaceAll("<", "\\<").replaceAll("*", "\\*").replaceAll("_", "\\_");
const cell = (text: string | null): string =>
  (text ?? "").replaceAll("|", "\\|").replaceAll("\n", " ");

const relationQuery = `
  select c.relname as name, c.relkind = 'v' as is_view, obj_description(c.oid) as description,
    (select string_agg(privilege || ' for ' || roles, '; ' order by privilege) from (
      select lower(a.privilege_type) as privilege,
        string_agg(a.grantee::regrole::text, ', ' order by a.grantee::regrole::text) as roles
      from aclexplode(c.relacl) a
      where a.grantee::regrole::text in ('authenticated', 'service_role', 'anon')
      group by 1) as granted) as grants,
    (select jsonb_agg(jsonb_build_object('name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod), 'is_required', a.attnotnull or c.relkind = 'v',
        'default', pg_get_expr(d.adbin, d.adrelid),
        'description', col_description(c.oid, a.attnum)) order by a.attnum)
      from pg_attribute a
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select jsonb_agg(n.conname order by n.conname) from pg_constraint n
      where n.conrelid = c.oid and n.contype = 'c' and n.conparentid = 0) as rules
  from pg_class c
  where c.relnamespace = 'tocsin'::regnamespace and c.relkind in ('r', 'p', 'v')
    and not c.relispartition
  order by c.relname`;

const functionQuery = `
  select p.proname as name, pg_get_function_arguments(p.oid) as arguments,
    pg_get_function_result(p.oid) as result, obj_description(p.oid, 'pg_proc') as description,
    (select jsonb_agg(a.grantee::regrole::text order by a.grantee::regrole::text) from aclexplode(p.proacl) a
      where a.grantee::regrole::text in ('authenticated', 'service_role', 'anon')) as callers
  from pg_proc p where p.pronamespace = 'tocsin'::regnamespace
  order by p.proname, pg_get_function_arguments(p.oid)`;

const typeQuery = `
  select t.typname as name, obj_description(t.oid, 'pg_type') as description,
    (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e
      where e.enumtypid = t.oid) as labels
  from pg_type t where t.typnamespace = 'tocsin'::regnamespace and t.typtype = 'e'
  order by t.typname`;

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const server = await startTestDatabase();
  try {
    const db = await server.clone();
    mkdirSync(referenceDir, { recursive: true });
    for (const [file, text] of await renderReference(db.sql)) {
      writeFileSync(join(referenceDir, file), text);
      console.log(`docs/reference/sql/${file}`);
    }
    await db.drop();
  } finally {
    await server.stop();
  }
}
