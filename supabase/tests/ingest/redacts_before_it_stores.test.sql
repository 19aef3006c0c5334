begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, flow_slug text, error text, node text);
create table flows (slug text primary key, name text);
select from tocsin.watch_runs('runs', p_options => '{
  "workflow_names": {"table": "public.flows", "id": "slug", "name": "name"}}');
insert into flows values ('sync', 'password=hunter2');
insert into runs values
  (1, 'failed', 'sync', 'HTTP 401 for token=abcdef0123456789', 'api_key=abcdef012345');
select from tocsin_internal.tick();

select results_eq($$select message, node, workflow_name from tocsin.error_metrics$$, $$
  values ('HTTP 401 for token=[redacted:secret]', 'api_key=[redacted:secret]',
    'password=[redacted:secret]')
$$, 'No secret of the error, the node or the workflow''s name is stored.');

select * from finish();
rollback;
