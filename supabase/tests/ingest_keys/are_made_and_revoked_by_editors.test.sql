begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

insert into tocsin.project_members (project_id, user_id, role) values
  ('a', '00000000-0000-4000-8000-00000000000a', 'viewer'),
  ('a', '00000000-0000-4000-8000-00000000000e', 'editor'),
  ('a', '00000000-0000-4000-8000-0000000000ad', 'admin'),
  ('b', '00000000-0000-4000-8000-00000000000b', 'admin');
insert into tocsin.operators (user_id) values ('00000000-0000-4000-8000-0000000000ff');
insert into tocsin.ingest_keys (key_id, project_id, name, key_hash, key_hint)
values ('00000000-0000-4000-8000-000000000001', 'a', 'x', 'h', 'abcd');
create function pg_temp.try(p_user text, p_sql text) returns text language plpgsql as $$
declare
  v_result text;
begin
  perform set_config('request.jwt.claims', case p_user when 'srv' then '{"role": "service_role"}'
    else jsonb_build_object('role', 'authenticated',
      'sub', '00000000-0000-4000-8000-0000000000' || p_user)::text end, true);
  perform set_config('role', case p_user when 'srv' then 'service_role' when 'anon' then 'anon'
    else 'authenticated' end, true);
  execute p_sql into v_result;
  raise 'undo' using errcode = 'ZZ000', detail = coalesce(v_result, 'none');
exception when sqlstate 'ZZ000' then
  get stacked diagnostics v_result = pg_exception_detail;
  return v_result;
when others then
  return sqlstate;
end
$$;
create function pg_temp.by_all(p_sql text) returns text language sql as $$
  select string_agg(pg_temp.try(actor, p_sql), ' ' order by place)
  from unnest(array['anon', '00', '0a', '0e', 'ad', '0b', 'ff', 'srv'])
    with ordinality as a (actor, place)
$$;
select is(pg_temp.by_all($$select 'made' from tocsin.create_ingest_key('a', 'new')$$),
  '42501 TC033 TC033 made made TC033 made made',
  'Make: anonymous, stranger, viewer, editor, admin, admin elsewhere, operator, '
  'service.');
select is(pg_temp.by_all($$select revoked_at is not null
  from tocsin.revoke_ingest_key('00000000-0000-4000-8000-000000000001')$$),
  '42501 TC033 TC033 true true TC033 true true', 'Revoke.');
select is(pg_temp.by_all('select count(*) from tocsin.ingest_keys'), '42501 0 0 1 1 0 1 1', 'See.');
select is(pg_temp.try('0e', $$update tocsin.ingest_keys set key_hash = 'other' returning 1$$),
  'TC034', 'Nobody makes a key another one,');
select is(pg_temp.try('0e', $$update tocsin.ingest_keys set project_id = 'b' returning 1$$),
  'TC034', 'nor of another project,');
select is(pg_temp.try('0e', $$with r as (select * from tocsin.revoke_ingest_key(
  '00000000-0000-4000-8000-000000000001')) select revoked_by from r$$),
  '00000000-0000-4000-8000-00000000000e', 'Who revoked it is on record,');
update tocsin.ingest_keys set revoked_at = '2031-01-01' where true;
select throws_ok('update tocsin.ingest_keys set revoked_at = null where true', 'TC034', null,
  'and it stays revoked.');
select is(pg_temp.try('0e', 'delete from tocsin.ingest_keys returning 1'), '42501',
  'No row is deleted.');

select * from finish();
rollback;
