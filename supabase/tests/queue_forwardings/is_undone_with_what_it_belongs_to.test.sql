begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(4);

update tocsin.forwarder_states set is_configured = true where forwarder = 'sentry';
create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
savepoint before_it;
insert into runs values (1, 'failed');
select tocsin.report_error('execution', 'never happened');
rollback to before_it;
insert into runs values (2, 'failed');
select is_empty('select from tocsin.forwardings',
  'A failing statement writes nothing of forwarding: the heart does.');
select from tocsin_internal.tick();
select results_eq($$
  select e.run_id from tocsin.forwardings w join tocsin.error_metrics e using (error_id)
$$, $$values ('2')$$, 'What was rolled back is not forwarded; what was committed is.');

-- a batch whose storing fails is stored in halves: each error is noted with its own half
select tocsin.report_error('execution', 'boom ' || n) from generate_series(1, 20) as n;
update tocsin_internal.reported_errors set error_id = null
where report_id = (select min(report_id) + 6 from tocsin_internal.reported_errors);
select from tocsin_internal.tick();
select is((select count(*)::int from tocsin.forwardings), 20, 'One bad error keeps none back,');
select is_empty($$
  select from tocsin.error_metrics e full join tocsin.forwardings w using (error_id)
  where e.error_id is null or w.error_id is null
$$, 'and none is stored without being noted, nor noted without being stored.');

select * from finish();
rollback;
