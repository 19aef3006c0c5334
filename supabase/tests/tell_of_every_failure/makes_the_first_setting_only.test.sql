begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

select is(tocsin_internal.tell_of_every_failure('Ada@Example.com'), true, 'At first it does,');
select is(tocsin_internal.tell_of_every_failure('ben@example.com'), false, 'then no more.');
select results_eq($$
  select s.name, c.recipients from tocsin.alert_settings s
  join tocsin.alert_setting_channels using (setting_id) join tocsin.alert_channels c
    using (channel_id)
$$, $$values ('Every failed run', array['ada@example.com'])$$, 'A setting with its channel.');

select * from finish();
rollback;
