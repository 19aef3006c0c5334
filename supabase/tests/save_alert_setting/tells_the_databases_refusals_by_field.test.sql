begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(3);

-- every constraint of the table, as a field and a sentence
select results_eq($$
  select given.place, i ->> 'path', i ->> 'message', answer ->> 'status'
  from (values
    (1, '{"name": " "}'::jsonb), (2, '{"workflow_id": "w", "project_id": null}'),
    (3, '{"throttle_limit": 0}'), (4, '{"throttle_window": "8 days"}'),
    (5, '{"evaluation_interval": "90 s"}'), (6, '{"for_duration": "8 days"}'),
    (7, '{"keep_firing_for": "-1 s"}'), (8, '{"group_wait": "2 hours"}'),
    (9, '{"repeat_interval": "30 s"}'), (10, '{"template": "{{nonsense}}"}'),
    (11, '{"name": null}'), (12, '{"kind": "nonsense"}'), (13, '{"parameters": []}')
  ) as given (place, body)
  cross join lateral tocsin.save_alert_setting('{"name": "x", "project_id": "a"}' || body) as answer
  left join lateral jsonb_array_elements(answer #> '{error,issues}') as i on true
  order by 1
$$, $$values
  (1, 'name', 'A setting has a name.', '400'),
  (2, 'workflow_id', 'A workflow is named with its project.', '400'),
  (3, 'throttle_limit', 'Throttle limit is at least one.', '400'),
  (4, 'throttle_window', 'Throttle window is up to a week.', '400'),
  (5, 'evaluation_interval', 'Evaluation interval is whole minutes up to a day.', '400'),
  (6, 'for_duration', 'For duration is up to a week.', '400'),
  (7, 'keep_firing_for', 'Keep firing for is up to a week.', '400'),
  (8, 'group_wait', 'Group wait is up to an hour.', '400'),
  (9, 'repeat_interval', 'Repeat interval is zero or a minute to a month.', '400'),
  (10, 'template', 'The template of "x" cannot be used. There is no placeholder {{nonsense}}: see '
    'tocsin.template_placeholders().', '400'),
  (11, 'name', 'It is needed.', '400'),
  (12, 'kind', 'One of: ' || (select string_agg(kind, ', ' order by kind)
    from tocsin.alert_kinds) || '.', '400'),
  (13, 'parameters', 'It is an object.', '400')
$$, 'What a constraint refuses is told as an issue of its field.');
select is_empty($$select from tocsin.alert_settings$$, 'Nothing of it was kept.');
select is_empty($$
  select conname from pg_constraint where conrelid = 'tocsin.alert_settings'::regclass
    and contype = 'c' and conname !~ '^[a-z]+(_[a-z]+){2,}$'
$$, 'The name of each constraint is a sentence.');

select * from finish();
rollback;
