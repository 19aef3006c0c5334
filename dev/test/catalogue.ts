// Everything that a database holds besides rows, as text in one order: two databases with the same
// one are alike. It is what a schema dump tells, and what one does not: owners, privileges and
// their defaults, comments, settings of roles, event triggers, jobs, queues and the names of secrets.

/** Rows of tables that are definitions rather than data: asked where they are. */
const registries: { table: string; columns: string }[] = [
  { table: "cron.job", columns: "jobname, schedule, command, username, active" },
  { table: "cron.job_run_details", columns: "command" },
  { table: "pgmq.meta", columns: "queue_name" },
  { table: "vault.secrets", columns: "name" },
  { table: "net.http_request_queue", columns: "url" },
];

const statement = `
with
  spaces as (
    select oid, nspname, nspowner, nspacl from pg_namespace
    where nspname !~ '^(pg_(toast|temp).*|pg_catalog|information_schema)$'
  ),
  relations as (
    select c.*, format('%I.%I', s.nspname, c.relname) as name
    from pg_class c join spaces s on s.oid = c.relnamespace
    where c.relkind <> 'c' or exists (select from pg_type t where t.typrelid = c.oid)
  ),
  lines (line) as (
    select format('schema %I owner %s acl %s', nspname, nspowner::regrole, nspacl) from spaces
    union all
    select format('relation %s kind %s owner %s acl %s options %s rls %s %s persistence %s', name,
      relkind, relowner::regrole, relacl, reloptions, relrowsecurity, relforcerowsecurity,
      relpersistence) from relations
    union all
    select format('column %s.%I %s type %s not null %s default %s acl %s identity %s', r.name,
      a.attname, row_number() over (partition by r.oid order by a.attnum),
      format_type(a.atttypid, a.atttypmod), a.attnotnull,
      pg_get_expr(d.adbin, d.adrelid), a.attacl, a.attidentity)
    from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    union all
    select format('view %s %s', name, md5(pg_get_viewdef(oid))) from relations where relkind in ('v', 'm')
    union all
    select format('sequence %s %s %s %s %s', r.name, seqtypid::regtype, seqstart, seqincrement, seqcycle)
    from pg_sequence q join relations r on r.oid = q.seqrelid
    union all
    select format('index %s', pg_get_indexdef(i.indexrelid)) from pg_index i
    join relations r on r.oid = i.indexrelid
    union all
    select format('constraint %s on %s: %s', conname, conrelid::regclass, pg_get_constraintdef(c.oid))
    from pg_constraint c join spaces s on s.oid = c.connamespace
    union all
    select format('trigger %s enabled %s', pg_get_triggerdef(t.oid), t.tgenabled)
    from pg_trigger t where not t.tgisinternal
    union all
    select format('policy %s on %s cmd %s roles %s using %s check %s', polname, polrelid::regclass,
      polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
    from pg_policy
    union all
    select format('function %s returns %s owner %s acl %s kind %s %s', p.oid::regprocedure,
      prorettype::regtype, proowner::regrole, proacl, prokind,
      case when prokind in ('f', 'p') then md5(pg_get_functiondef(p.oid)) end)
    from pg_proc p join spaces s on s.oid = p.pronamespace
    union all
    select format('type %I.%I kind %s owner %s acl %s values %s', s.nspname, t.typname, typtype,
      typowner::regrole, typacl, (
        select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid))
    from pg_type t join spaces s on s.oid = t.typnamespace
    union all
    select format('operator %s', o.oid::regoperator) from pg_operator o
    join spaces s on s.oid = o.oprnamespace
    union all
    select format('cast %s to %s', castsource::regtype, casttarget::regtype) from pg_cast
    union all
    select format('extension %s %s in %s owner %s', extname, extversion, extnamespace::regnamespace,
      extowner::regrole) from pg_extension
    union all
    select format('default privileges of %s in %s on %s: %s', defaclrole::regrole,
      case when defaclnamespace <> 0 then defaclnamespace::regnamespace::text end, defaclobjtype,
      defaclacl) from pg_default_acl
    union all
    select format('event trigger %s on %s calls %s enabled %s tags %s', evtname, evtevent,
      evtfoid::regproc, evtenabled, evttags) from pg_event_trigger
    union all
    select format('setting of %s in %s: %s', case when setrole <> 0 then setrole::regrole::text end,
      case when setdatabase <> 0 then 'the database' end, setconfig)
    from pg_db_role_setting
    where setdatabase = 0 or setdatabase = (select oid from pg_database where datname = current_database())
    union all
    select format('publication %s of all %s, tables %s', pubname, puballtables, (
      select string_agg(prrelid::regclass::text, ',' order by prrelid::regclass::text)
      from pg_publication_rel where prpubid = p.oid)) from pg_publication p
    union all
    select format('role %s member of %s', member::regrole, roleid::regrole) from pg_auth_members
    union all
    select format('role %s', to_jsonb(r) - 'oid') from pg_roles r
    union all
    select format('comment on %s: %s', i.identity, md5(d.description))
    from pg_description d
    cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
    where i.schema is distinct from 'pg_catalog' and d.objoid >= 16384
  )
select line from lines order by line collate "C"`;

type Query = (text: string) => Promise<Record<string, unknown>[]>;

/** Asked as the superuser, who sees everything. */
export async function readCatalogue(query: Query): Promise<string[]> {
  const lines = (await query(statement)).map(({ line }) => String(line));
  for (const { table, columns } of registries) {
    const [found] = await query(`select to_regclass('${table}') is not null as is_there`);
    if (found?.["is_there"] !== true) continue;
    const rows = await query(`select ${columns} from ${table}`);
    lines.push(
      ...rows.map((row) => `row of ${table} ${JSON.stringify(Object.values(row))}`).sort(),
    );
  }
  return lines;
}
