begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create table runs (id int primary key, status text);
select from tocsin.watch_runs('runs');
insert into runs values (1, 'running');
drop schema tocsin cascade;
select lives_ok($$update runs set status = 'failed'$$, 'Without tocsin the host writes its runs.');
drop schema tocsin_internal cascade;
select lives_ok($$update runs set status = 'running'$$, 'Without the machinery as well.');

select * from finish();
rollback;
