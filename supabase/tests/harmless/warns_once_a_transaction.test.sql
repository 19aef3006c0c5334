begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs select n, 'running' from generate_series(1, 10) as n;
select is(coalesce(current_setting('tocsin.has_warned', true), ''), '',
  'Nobody is warned while all is well.');
alter table runs rename column id to nr;
update runs set status = 'failed';

select is(current_setting('tocsin.has_warned', true), 'yes',
  'The first run that cannot be captured is warned of, and the transaction remembers it.');

select * from finish();
rollback;
