-- Refusals: what watch_runs() will not watch, and why.
--
-- Errors: TC001, TC002, TC003, TC005, TC006 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none.

create function tocsin_internal.refuse_unwatchable(p_table regclass) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_class record;
begin
  select c.relkind, c.relpersistence, c.relowner, n.nspname into v_class
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;
  if not found or v_class.relkind not in ('r', 'p') or v_class.relpersistence = 't'
    or v_class.nspname in ('tocsin', 'tocsin_internal', 'pgmq', 'cron', 'net', 'pg_catalog')
  then
    raise exception '% is not a table that can be watched, but %', coalesce(p_table::text, 'null'),
      case when v_class.relkind in ('v', 'm') then 'a view' when v_class.relkind = 'f' then
        'a foreign table' when v_class.relpersistence = 't' then 'a temporary table'
        when v_class.relkind in ('r', 'p') then 'one of the platform''s own'
        else 'something else' end
      using errcode = 'TC001', hint = 'Watch the table that the runs are written to.';
  end if;
  if not pg_has_role(v_class.relowner, 'USAGE') then
    raise exception 'The table % belongs to %, and you are %', p_table,
      v_class.relowner::regrole, current_user
      using errcode = 'TC002', hint = format('If you trust that role: grant %s to %s; and run this '
        'again. Or give the table to %2$s: alter table %s owner to %2$s;',
        v_class.relowner::regrole, quote_ident(current_user), p_table);
  end if;
end
$$;

comment on function tocsin_internal.refuse_unwatchable(regclass) is
  'Raises TC001 for what is no table of the host, and TC002 for a table of somebody else.';

create function tocsin_internal.refuse_moving_rows(p_table regclass, p_mapping jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_column text;
begin
  -- whose a run is and when it began stay; anything else, such as "archived", may change
  select a.attname into v_column
  from pg_catalog.pg_partition_tree(p_table) t
  join pg_catalog.pg_attribute a on a.attrelid = t.relid and a.attnum > 0
    and pg_catalog.pg_get_partkeydef(t.relid) ~ ('\m' || a.attname || '\M')
  where a.attname in (p_mapping ->> 'status', p_mapping ->> 'finished_at') or not (
    a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
    or p_mapping ->> 'run_id' = a.attname
    or coalesce(a.attname in (p_mapping ->> 'project_id', p_mapping ->> 'workflow_id'), false))
  limit 1;
  if v_column is not null then
    raise exception 'The table % is partitioned by "%", which may change in the life of a run',
      p_table, v_column using errcode = 'TC005', detail = 'A row that moves looks like a new run.',
        hint = 'Partition by the time at which a run is created.';
  end if;
end
$$;

comment on function tocsin_internal.refuse_moving_rows(regclass, jsonb) is
  'Raises TC005 when a run that ends would move to another partition.';

create function tocsin_internal.refuse_bad_side_table(p_side text, p_mapping jsonb) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_required constant jsonb := '{
    "events": ["table", "run_id", "type", "at", "payload", "failed_type"],
    "jobs": ["table", "run_id", "failed_at", "dead_at", "error"],
    "steps": ["table", "run_id", "node", "error", "failed_at"],
    "workflow_names": ["table", "id", "name"],
    "project_names": ["table", "id", "name"]}';
  v_key text;
  v_table regclass := to_regclass(p_mapping ->> 'table');
begin
  if p_mapping is null then
    return;
  end if;
  for v_key in select jsonb_array_elements_text(v_required -> p_side) loop
    if p_mapping ->> v_key is null then
      raise exception 'The option "%" lacks "%"', p_side, v_key using errcode = 'TC006',
        hint = format('It needs: %s', v_required ->> p_side);
    elsif v_key = 'table' and v_table is null then
      raise exception 'The option "%" names a table that is not there: %', p_side,
        p_mapping ->> 'table'
        using errcode = 'TC003', hint = 'Name it with its schema: public.your_table';
    elsif v_key not in ('table', 'failed_type')
      and tocsin_internal.column_type(v_table, p_mapping ->> v_key) is null
    then
      raise exception 'The table % has no column "%" (option %.%)', v_table, p_mapping ->> v_key,
        p_side, v_key
        using errcode = 'TC003', hint = 'Name the column that it has for this.';
    end if;
  end loop;
  perform tocsin_internal.refuse_unwatchable(v_table);
end
$$;

comment on function tocsin_internal.refuse_bad_side_table(text, jsonb) is
  'Raises TC003 or TC006 when events, jobs, steps, workflow_names or project_names do not '
  'fit the tables they name.';

revoke all on all functions in schema tocsin_internal from public;
