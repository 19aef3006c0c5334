begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(6);

create table "Odd runs" (id int primary key, state text, "what's" text);
create table events (id int primary key, message text);
create table gone (id int primary key, status text);
select from tocsin.watch_runs('"Odd runs"', p_options => '{"workflow_id": "what''s"}');
select from tocsin.watch_runs('gone');
select from tocsin.watch_errors('events');
drop table gone;
select pgmq."create"('orders');
select from tocsin_internal.sample_queues(now());
select is_empty($$select from tocsin_internal.list_watches() where kind = 'queue'$$,
  'A queue of which nothing was said is found without being told.');
select from tocsin.watch_queue('orders',
  p_options => '{"project_id": "p", "slow_after": "1 hour"}');
create temp table watches as select * from tocsin_internal.list_watches();
create temp table sources as
  select source_id, run_table, mapping from tocsin.run_sources where source_id <> 'gone';

select results_eq('select kind, name from watches',
  $$values ('errors', 'events'), ('queue', 'pgmq orders'), ('runs', 'odd_runs')$$,
  'A table that is gone is left out.');
do $$
declare
  v_call text;
begin
  for v_call in select undo from watches loop
    execute 'select ' || v_call;
  end loop;
end
$$;
select is((select count(*)::int from tocsin_internal.list_watches()), 0, 'Each can be undone,');
do $$
declare
  v_call text;
begin
  for v_call in select statement from watches loop
    execute 'select ' || v_call;
  end loop;
end
$$;
select results_eq('select name, kind from watches order by 1',
  'select name, kind from tocsin_internal.list_watches() order by 1', 'and done again,');
select results_eq($$select source_id, run_table, mapping from sources$$,
  $$select source_id, run_table, mapping from tocsin.run_sources where source_id <> 'gone'$$,
  'under the same name, with the same mapping.');

select results_eq($$select project_id, slow_after, poison_reads from tocsin.queues
  where queue_name = 'orders'$$, $$values ('p', interval '1 hour', 5)$$, 'So do queues.');

select * from finish();
rollback;
