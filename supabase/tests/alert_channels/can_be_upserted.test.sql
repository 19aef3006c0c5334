begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

insert into tocsin.alert_channels (channel_id, name, kind, url)
values ('c4a22e10-0000-4000-8000-00000000000a', 'hook', 'webhook', 'https://x.example');
create temp table before as select secret_id from tocsin.alert_channels;

select lives_ok($$
  insert into tocsin.alert_channels (channel_id, name, kind, url)
  values ('c4a22e10-0000-4000-8000-00000000000a', 'hook 2', 'webhook', 'https://x.example')
  on conflict (channel_id) do update set name = excluded.name, secret_id = excluded.secret_id
$$, 'A webhook channel can be upserted, as the Data API does it,');
select lives_ok($$
  insert into tocsin.alert_channels (channel_id, name, kind, url)
  values ('c4a22e10-0000-4000-8000-00000000000a', 'hook 3', 'webhook', 'https://x.example')
  on conflict (channel_id) do nothing
$$, 'or seeded a second time.');
select results_eq($$select name, secret_id from tocsin.alert_channels$$,
  $$select 'hook 2', secret_id from before$$, 'Its secret stays the same.');

select * from finish();
rollback;
