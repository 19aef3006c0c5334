begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

create table "Einsätze" (nr int, zustand text, zweck text, ende date, primary key (nr));
select from tocsin.watch_runs('"Einsätze"', p_options => '{
  "status": "zustand", "succeeded": ["fertig"], "failed": ["kaputt"], "workflow_id": "zweck"}');
insert into "Einsätze" values (7, 'kaputt', 'Backup', '2026-01-01'), (8, 'läuft', 'Backup', null);

select results_eq($$
  select run_id, workflow_id, outcome from tocsin_internal.run_outcomes
$$, $$values ('7', 'Backup', 'failed')$$, 'A table that nobody foresaw is watched by options.');
select is((select source_id from tocsin.run_sources), 'eins_tze',
  'Its source is called like the table, as far as the letters go.');
select is((select mapping ->> 'run_id' from tocsin.run_sources), 'nr',
  'Where no name tells the run''s id, a primary key of one column is it.');

select * from finish();
rollback;
