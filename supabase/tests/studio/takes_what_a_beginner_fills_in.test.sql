begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(19);

-- as Studio's table editor inserts: the columns that were filled in
select lives_ok($$insert into tocsin.alert_channels (name, kind, recipients)
  values ('Mail', 'email', '{ada@example.com}')$$, 'A channel: a name, a kind, an address.');
select lives_ok($$insert into tocsin.alert_channels (name, kind, url)
  values ('Hook', 'webhook', e' https://hooks.example/x \n')$$,
  'Blanks around what was pasted are taken off.');
select results_eq($$select url from tocsin.alert_channels where name = 'Hook'$$,
  array['https://hooks.example/x'], 'So it is the address.');
select lives_ok($$insert into tocsin.alert_channels (name, kind, recipients, url)
  values ('Two', 'email', '{" ada@example.com","bob@example.com "}', '')$$,
  'Around addresses, too.');
select results_eq($$select recipients, url from tocsin.alert_channels where name = 'Two'$$,
  $$values ('{ada@example.com,bob@example.com}'::text[], null::text)$$,
  'An empty field is none.');
select lives_ok($$insert into tocsin.alert_settings (name) values ('Every failed run')$$,
  'A setting: a name.');
select lives_ok($$insert into tocsin.alert_setting_channels (setting_id, channel_id)
  select s.setting_id, c.channel_id from tocsin.alert_settings s, tocsin.alert_channels c
  where c.name = 'Mail'$$, 'Both are picked.');
select lives_ok($$insert into tocsin.quiet_periods (name) values ('Nights')$$, 'A quiet period.');
select lives_ok($$insert into tocsin.silences (reason) values ('Deploying')$$, 'A silence,');
select results_eq($$select ends_at - starts_at between '59 minutes' and '61 minutes'
  from tocsin.silences$$, array[true], 'for an hour.');
select lives_ok($$insert into tocsin.alert_routes (name, channel_id)
  select 'Severe', channel_id from tocsin.alert_channels where name = 'Mail'$$, 'A route.');

-- and what goes wrong says why
create function pg_temp.fault(p_sql text) returns text language plpgsql as $$
declare
  v_name text;
begin
  execute p_sql;
  return 'nothing';
exception when others then
  get stacked diagnostics v_name = constraint_name;
  return coalesce(nullif(v_name, ''), sqlstate);
end
$$;
select is(pg_temp.fault($$insert into tocsin.alert_channels (name, kind) values ('x', 'email')$$),
  'an_email_channel_has_one_to_fifty_recipients', 'Mail to nobody.');
select is(pg_temp.fault($$insert into tocsin.alert_channels (name, kind, recipients)
  values ('x', 'email', '{"Ada <ada@example.com>"}')$$), 'recipients_are_addresses',
  'An address with a name.');
select is(pg_temp.fault($$insert into tocsin.alert_channels (name, kind, url)
  values ('x', 'webhook', 'hooks.example/x')$$), 'a_channel_that_posts_has_an_http_url',
  'An address without its scheme.');
select is(pg_temp.fault($$insert into tocsin.alert_settings (name, kind, parameters)
  values ('x', 'failure_rate', '{"threshold": "5 %"}')$$), 'TC040', 'A parameter in words.');
select is(pg_temp.fault($$insert into tocsin.alert_settings (name, workflow_id)
  values ('x', 'import')$$), 'a_workflow_is_named_with_its_project', 'A workflow of no project.');
select is(pg_temp.fault($$insert into tocsin.quiet_periods (name, days) values ('x', '{0}')$$),
  'days_are_1_monday_to_7_sunday', 'Sunday as 0.');
select is(pg_temp.fault($$insert into tocsin.quiet_periods (name, time_zone)
  values ('x', 'CET')$$), 'TC018', 'A zone that knows no summer.');
select is(pg_temp.fault($$insert into tocsin.silences (reason, ends_at)
  values ('x', now() - interval '1 hour')$$), 'a_silence_ends_after_it_starts',
  'A silence that is over.');

select * from finish();
rollback;
