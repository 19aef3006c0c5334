begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(7);

create table runs (id int primary key, status text, finished_at timestamptz);
create table others (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
select from tocsin.watch_runs('others');
insert into others values (1, 'failed', now() - interval '10 days'), (2, 'failed', now());

insert into runs values (1, 'failed', now() - interval '10 days'),
  (2, 'succeeded', clock_timestamp() + interval '30 minutes'), (3, 'canceled', 'infinity');
select is_empty($$select * from tocsin.reconcile('runs')$$,
  'Runs whose times do not tell, and one a little ahead, are known while they are pending,');
select from tocsin_internal.roll_up();
select is_empty($$select * from tocsin.reconcile('runs')$$, 'and when they are counted.');
update runs set status = 'running', finished_at = null where id = 1;
select is_empty($$select * from tocsin.reconcile('runs')$$,
  'One that is opened again is known no longer, as soon as that is pending.');

-- past the triggers
alter table runs disable trigger user;
update runs set status = 'failed', finished_at = clock_timestamp() where id = 1;
select results_eq($$select outcome, counted, in_table, difference from tocsin.reconcile('runs')$$,
  $$values ('failed', 0::bigint, 1::bigint, -1::bigint)$$, 'What was not seen is missing.');
delete from runs where id <> 1;
select results_eq($$select outcome, counted, in_table, difference from tocsin.reconcile('runs')$$,
  $$values ('canceled', 1::bigint, 0::bigint, 1::bigint), ('failed', 0, 1, -1),
    ('succeeded', 1, 0, 1)$$, 'What was deleted is too many.');
select is_empty($$select * from tocsin.reconcile('others')$$, 'Another table is not meant.');
select is((select sum(failure_count)::int from tocsin.workflow_run_metrics
  where source_id = 'others'), 2, 'It has its own.');

select * from finish();
rollback;
