begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

create role lesser;
grant lesser to postgres with set true, inherit false;
create schema realtime;
create table realtime.sent (by text);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql as 'insert into realtime.sent values (current_user)';
select tocsin_internal.hint_projects('runs', array['p']);
select results_eq('table realtime.sent', $$values ('postgres')$$, 'What the owner made is called.');

grant create on schema realtime to lesser;
alter function realtime.send(jsonb, text, text, boolean) owner to lesser;
select is(tocsin_internal.hint_projects('runs', array['p']), 0,
  'What a lesser role made would run as the heart: it is not.');

select * from finish();
rollback;
