begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(9);

insert into tocsin.alert_kinds (kind, family, title, description, parameters) values
  ('tried', 'event', 'Tried', 'Tried.', $json$[
    {"name": "threshold", "type": "number", "default": 5, "min": 0, "max": 100},
    {"name": "count", "type": "integer", "default": 20, "min": 1, "max": 1000},
    {"name": "window", "type": "interval", "default": "15 minutes", "min": "1 minute",
     "max": "30 days"},
    {"name": "limit", "type": "number", "default": null},
    {"name": "is_loud", "type": "boolean", "default": false},
    {"name": "per", "type": "choice", "default": "workflow", "choices": ["workflow", "project"]},
    {"name": "types", "type": "choices", "default": [], "choices": ["a", "b"]},
    {"name": "nodes", "type": "texts", "default": []},
    {"name": "burns", "type": "burn_rates",
     "default": [{"rate": 14.4, "short": "5 minutes", "long": "1 hour"}]}
  ]$json$);

insert into tocsin.alert_settings (name, kind) values ('plain', 'tried');
select is((select parameters from tocsin.alert_settings), $json$
  {"threshold": 5, "count": 20, "window": "15 minutes", "limit": null, "is_loud": false,
   "per": "workflow", "types": [], "nodes": [],
   "burns": [{"rate": 14.4, "short": "5 minutes", "long": "1 hour"}]}
$json$::jsonb, 'What is left out gets its default, so that the row shows all there is to change.');

update tocsin.alert_settings set parameters = '{"threshold": 7, "types": ["b"], "limit": 3}';
select is((select parameters - array['burns', 'window'] from tocsin.alert_settings), $json$
  {"threshold": 7, "count": 20, "limit": 3, "is_loud": false, "per": "workflow", "types": ["b"],
   "nodes": []}
$json$::jsonb, 'What is given is kept.');

select throws_ok($$update tocsin.alert_settings set parameters = '{
    "threshold": "5", "count": 2.5, "window": "a while", "limit": "x", "is_loud": "yes",
    "per": "run", "types": ["c"], "nodes": "n", "burns": [{"rate": 1}], "colour": "red"}'$$,
  'TC040', 'Parameters of tried: "colour" is not known; "threshold" is a number, without quotes; '
  '"count" is a whole number; "window" is a span of time in quotes, such as "15 minutes"; '
  '"limit" is a number, without quotes; "is_loud" is true or false; "per" is one of workflow, '
  'project; "types" is a list of a, b; "nodes" is a list of up to 100 texts; "burns" is a list of '
  'up to 6 objects with rate (a number), short and long (spans of time, short at most as long as '
  'long, which is 30 days at most)', 'Each that is wrong is named, with what it should be.');
select throws_ok($$update tocsin.alert_settings set parameters = '{"threshold": 101, "count": 0,
    "window": "31 days", "per": null}'$$, 'TC040',
  'Parameters of tried: "threshold" is between 0 and 100; "count" is between 1 and 1000; '
  '"window" is between 1 minute and 30 days; "per" may not be null', 'Bounds are told.');
select throws_ok($$update tocsin.alert_settings set parameters = '{"window": "90 seconds"}'$$,
  'TC040', 'Parameters of tried: "window" is of whole minutes', 'Only whole minutes are judged.');
select throws_ok($$update tocsin.alert_settings set parameters = '[]'$$, 'TC040',
  'The parameters of a setting are an object', 'A list is none.');
select throws_ok($$update tocsin.alert_settings set parameters = null$$, 'TC040',
  'The parameters of a setting are an object', 'Nor is null.');
select throws_ok($$update tocsin.alert_settings set parameters = '{"burns": [{"rate": 1,
    "short": "2 hours", "long": "1 hour"}]}'$$, 'TC040', null,
  'A short window longer than its long one.');
select results_eq($$select parameters ->> 'threshold' from tocsin.alert_settings$$,
  $$values ('7')$$, 'Nothing of it was kept.');

select * from finish();
rollback;
