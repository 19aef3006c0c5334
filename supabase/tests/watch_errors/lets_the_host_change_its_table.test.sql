begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table cases (change text primary key, is_captured boolean);
insert into cases values
  ('alter column id type text', true), ('alter column level type varchar(80)', true),
  ('alter column message type varchar(80)', true), ('alter column created_at type date', true),
  ('rename column id to number', false), ('rename column level to grade', false),
  ('rename column message to said', true), ('rename column created_at to born', true),
  ('drop column id', false), ('drop column level', false), ('drop column message', true),
  ('drop column created_at', true), ('rename to diary', true);
create function pg_temp.try(p_change text) returns text language plpgsql as $$
declare
  v_result text;
  v_table text := case when p_change ~ 'diary' then 'diary' else 'logs' end;
begin
  create table logs (id int, level text, message text, created_at timestamptz, other int);
  perform tocsin.watch_errors('logs', p_options => '{"filter": {"level": "error"}}');
  insert into logs values (1, 'error', 'boom', now(), 1);
  delete from tocsin_internal.reported_errors;
  execute 'alter table logs ' || p_change;
  begin
    execute format('insert into %I (id, level) values (2, ''error'')', v_table);
  exception when undefined_column then
    execute format('insert into %I (other) values (2)', v_table);
  end;
  select exists (select from tocsin_internal.reported_errors) into v_result;
  perform from tocsin_internal.tick();
  raise 'done' using errcode = 'ZZ000', detail = v_result || ' '
    || (select count(*) from tocsin.error_metrics);
exception when sqlstate 'ZZ000' then
  get stacked diagnostics v_result = pg_exception_detail;
  return v_result;
when others then
  return sqlerrm;
end
$$;
select bag_eq($$select change, pg_temp.try(change) from cases$$,
  $$select change, case when is_captured then 'true 1' else 'false 0' end from cases$$,
  'Any column may change: the host goes on, and what can still be read is captured and stored.');
create table logs (id int primary key, message text);
select from tocsin.watch_errors('logs');
create function pg_temp.drop_and_write(p_object text) returns text language plpgsql as $$
begin
  execute 'drop ' || p_object || ' cascade';
  insert into logs values (1, 'boom');
  raise 'done' using errcode = 'ZZ000';
exception when sqlstate 'ZZ000' then
  return 'ok';
when others then
  return sqlerrm;
end
$$;
set local client_min_messages = error;
select is_empty($$select object, have from unnest(array['table tocsin_internal.reported_errors',
    'table tocsin.error_sources', 'table tocsin.error_metrics',
    'function tocsin_internal.retell_logs(text[])', 'schema tocsin', 'schema tocsin_internal'])
  as object cross join lateral pg_temp.drop_and_write(object) as have where have <> 'ok'$$,
  'Whatever of Tocsin is missing, the host writes its events.');
reset client_min_messages;
grant insert on logs to anon;
set local role anon;
select lives_ok($$insert into logs values (3, 'boom')$$,
  'So does a role without any right on Tocsin.');

select * from finish();
rollback;
