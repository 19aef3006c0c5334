begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create function pg_temp.captured(p_type text, p_value text) returns text language plpgsql as $$
declare
  v_captured text;
begin
  execute format('create table runs (id int primary key, status text, finished_at %s)', p_type);
  perform tocsin.watch_runs('runs');
  execute format('insert into runs values (1, ''failed'', %L)', p_value);
  select coalesce((finished_at at time zone 'UTC')::text, 'null') into v_captured
  from tocsin_internal.run_outcomes;
  raise 'done' using errcode = 'ZZ000', detail = v_captured;
exception when sqlstate 'ZZ000' then
  get stacked diagnostics v_captured = pg_exception_detail;
  return v_captured;
end
$$;
-- the host's sessions may live anywhere
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';

select is_empty($$
  select c.type, c.value, c.want, pg_temp.captured(c.type, c.value) as have
  from (values
    ('timestamptz', '2026-03-04 10:05:00+00', '04/03/2026 10:05:00'),
    ('timestamptz', 'infinity', 'infinity'),
    ('timestamptz', '-infinity', '-infinity'),
    ('timestamptz', null, 'null'),
    ('timestamp(3)', '2026-03-04 10:05:00', '04/03/2026 10:05:00'),
    ('timestamp', 'infinity', 'infinity'),
    ('date', '2026-03-04', '04/03/2026 00:00:00'),
    ('date', 'infinity', 'infinity'),
    ('int', '1772618700', '04/03/2026 10:05:00'),
    ('bigint', '1772618700000', '04/03/2026 10:05:00'),
    ('numeric', '1772618700.25', '04/03/2026 10:05:00.25'),
    ('numeric', 'NaN', 'null'),
    ('numeric', '1e40', 'null'),
    ('double precision', '1772618700', '04/03/2026 10:05:00'),
    ('double precision', 'Infinity', 'infinity'),
    ('text', '2026-03-04T10:05:00Z', '04/03/2026 10:05:00'),
    ('text', '2026-03-04T12:05:00+02:00', '04/03/2026 10:05:00'),
    ('text', '2026-03-04 10:05:00', '04/03/2026 10:05:00'),
    ('text', '2026-03-04', '04/03/2026 00:00:00'),
    ('text', '2026-03-04 11:05:00 Europe/Berlin', '04/03/2026 10:05:00'),
    ('text', '1772618700', '04/03/2026 10:05:00'),
    ('text', 'yesterday-ish', 'null'),
    ('text', '', 'null'),
    ('varchar(40)', '2026-03-04T10:05:00Z', '04/03/2026 10:05:00')
  ) as c (type, value, want)
  where pg_temp.captured(c.type, c.value) is distinct from c.want
$$, 'A finish time is read whatever its type; without a zone it is UTC, and nonsense is none.');

select * from finish();
rollback;
