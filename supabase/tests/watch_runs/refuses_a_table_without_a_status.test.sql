begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, progress int);
create table notes (status text, body text);

select throws_ok($$select tocsin.watch_runs('runs')$$, 'TC003', null,
  'A table in which nothing could be a status needs the column named.');
select throws_ok($$select tocsin.watch_runs('notes')$$, 'TC003', null,
  'A table in which nothing could be the run''s id needs the column named.');

select * from finish();
rollback;
