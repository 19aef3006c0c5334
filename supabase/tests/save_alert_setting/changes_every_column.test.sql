begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(2);

select tocsin.save_alert_setting('{"name": "Any", "kind": "run_failed", "project_id": "p"}');
select tocsin.save_alert_setting(jsonb_build_object('setting_id', setting_id,
  'labels', '{"team": "billing"}'::jsonb)) from tocsin.alert_settings;
select results_eq('select labels from tocsin.alert_settings',
  array['{"team": "billing"}'::jsonb], 'Labels of a setting that is there are saved.');

select is_empty($$
  select a.attname from pg_attribute a
  join pg_proc p on p.oid = 'tocsin_internal.put_setting'::regproc
  where a.attrelid = 'tocsin.alert_settings'::regclass and a.attnum > 0 and not a.attisdropped
    and a.attname not in ('setting_id', 'created_at', 'updated_at')
    and position(format('%1$s = p_row.%1$s', a.attname) in p.prosrc) = 0
$$, 'So is everything that people set: no column is forgotten.');

select * from finish();
rollback;
