begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

create table runs (id int primary key, status text, finished_at timestamptz);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'failed', '2026-03-01 10:00Z');
delete from tocsin_internal.run_outcomes;
update runs set status = 'succeeded', finished_at = '2026-03-02 11:00Z';

select results_eq($$
  select outcome, sign::int, finished_at from tocsin_internal.run_outcomes order by outcome_id
$$, $$
  values ('failed', -1, '2026-03-01 10:00Z'::timestamptz),
    ('succeeded', 1, '2026-03-02 11:00Z'::timestamptz)
$$, 'First the old outcome is taken back, then the new one is counted.');

select * from finish();
rollback;
