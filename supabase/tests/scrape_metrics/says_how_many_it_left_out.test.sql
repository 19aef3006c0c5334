begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create table runs (id int primary key, status text, project_id text, workflow_id text);
select from tocsin.watch_runs('runs');
insert into runs select n, 'failed', 'p' || n % 2, 'w' || n from generate_series(1, 5) as n;
select from tocsin_internal.tick();
insert into runs values (6, 'failed', 'p1', 'w3');

create function pg_temp.told(p_limit int, p_project text default null) returns text
language sql as $$
  select concat_ws(' ', (select string_agg(w ->> 2, ',') from json_array_elements(
    m -> 'workflows') as w), m ->> 'workflows_left_out')
  from tocsin.scrape_metrics(p_limit, p_project) as m$$;

select is(pg_temp.told(5), 'w2,w4,w1,w3,w5 0', 'Within the limit none is left out.');
select is(pg_temp.told(1), 'w3 4', 'Beyond it those that ran last are told, and how many are not.');
select is(pg_temp.told(null), 'w2,w4,w1,w3,w5 0', 'There is a limit when none is given.');
select is(pg_temp.told(5, 'p1'), 'w1,w3,w5 0', 'Who asks for one project leaves out none of it.');
select is((select string_agg(w ->> 8, '') from json_array_elements(
  tocsin.scrape_metrics(p_with_durations => false) -> 'workflows') as w), '[][][][][]',
  'Without durations there are none.');

select * from finish();
rollback;
