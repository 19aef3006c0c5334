-- A run that is opened again while the backfill is at work is taken back if it has been passed, and
-- left alone if it has not: so the order of ids must be the order of reading.
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create function pg_temp.try(p_type text, p_id text) returns setof text language plpgsql as $$
declare
  v_id text;
begin
  execute format('create table runs (id %s primary key, status text, finished_at timestamptz)',
    p_type);
  execute format('insert into runs select %s, ''failed'', now() - interval ''1 day''
    from generate_series(1, 12) as n', p_id);
  perform tocsin.watch_runs('runs', p_options => jsonb_build_object('source_id',
    's' || substr(md5(p_type), 1, 8)));
  perform tocsin.backfill_runs('runs');
  perform tocsin_internal.backfill_batch(b, 5, now()) from tocsin.backfills b
  where state = 'running';
  perform tocsin_internal.roll_up();
  for v_id in select id::text from runs loop
    update runs set status = 'running', finished_at = null where id::text = v_id;
    return query select r::text from tocsin.reconcile('runs') as r;
    perform tocsin_internal.roll_up();
    return query select r::text from tocsin.reconcile('runs') as r;
  end loop;
  perform tocsin_internal.backfill();
  return query select r::text from tocsin.reconcile('runs') as r;
  perform tocsin.unwatch_runs('runs');
  drop table runs;
end
$$;

select is_empty(format('select pg_temp.try(%L, %L)', type, id), type) from (values
  ('int', 'n - 6'), ('bigint', '10 ^ n'), ('text', 'chr(64 + n) || chr(109 - n)'),
  ('uuid', 'gen_random_uuid()'),
  ('text collate "C"', 'chr(case when n % 2 = 0 then 64 else 96 end + n)'), ('numeric', 'n * 0.5')
) as t (type, id);

select * from finish();
rollback;
