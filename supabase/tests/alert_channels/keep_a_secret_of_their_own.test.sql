begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

insert into tocsin.alert_channels (name, kind, url) values
  ('one', 'webhook', 'https://x.example'), ('two', 'webhook', 'https://x.example');
select is((select count(distinct secret_id)::int from tocsin.alert_channels), 2,
  'Each webhook channel has its own secret.');
update tocsin.alert_channels set secret_id = (
  select secret_id from tocsin.alert_channels where name = 'one') where name = 'two';
insert into tocsin.alert_channels (name, kind, url, secret_id)
select 'three', 'webhook', 'https://x.example', secret_id from tocsin.alert_channels
where name = 'one';
select is((select count(distinct secret_id)::int from tocsin.alert_channels), 3,
  'None can be pointed at the secret of another one, new or old.');
update tocsin.alert_channels set channel_id = gen_random_uuid(), name = 'uno' where name = 'one';
select is_empty($$
  select c.name from tocsin.alert_channels c left join vault.secrets s on s.id = c.secret_id
    and s.name = 'tocsin_channel_' || c.channel_id where s.id is null
$$, 'A channel keeps its id, under which its secret is kept.');

delete from tocsin.alert_channels where name = 'three';
select is((select count(*)::int from vault.secrets where name like 'tocsin_channel_%'), 2,
  'The secret goes with its channel.');
insert into tocsin.alert_channels (name, kind, recipients) values ('mail', 'email', '{a@b.test}');
update tocsin.alert_channels set kind = 'webhook', url = 'https://x.example' where name = 'mail';
select is((select count(*)::int from vault.secrets where name like 'tocsin_channel_%'), 3,
  'A channel that becomes a webhook gets one.');

select * from finish();
rollback;
