begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(8);

insert into tocsin.error_classifiers (project_id, name, place, message_pattern, source, http_from,
  http_to, error_type, severity, is_enabled) values
  (null, 'everywhere', 1, 'boom', null, null, null, 'network', null, true),
  ('a', 'second', 2, 'boom', null, null, null, 'input', 'low', true),
  ('a', 'first', 1, 'boom \d+', 'worker', null, null, 'auth', 'high', true),
  ('a', 'off', 0, 'boom', null, null, null, 'system', 'high', false),
  ('a', 'only severity', 5, 'quiet', null, null, null, null, 'low', true),
  ('a', 'teapot', 5, null, null, 418, 418, 'execution', null, true);
create function pg_temp.told(p_project text, p_source tocsin.error_source, p_message text,
  p_type tocsin.error_type default null, p_status int default null) returns text
language sql as $$
  select error_type || ' ' || severity || ' ' || rule from tocsin_internal.classify(p_source,
    'report', null, p_status, null, p_message, p_type, null, p_project,
    array(select c from tocsin.error_classifiers c where is_enabled))
$$;
select is(pg_temp.told('a', 'worker', 'BOOM 1'), 'auth high own: first',
  'The first of the project''s own rules decides,');
select is(pg_temp.told('a', 'system', 'boom 1'), 'input low own: second', 'if all of it holds;');
select is(pg_temp.told('b', 'worker', 'boom 1'), 'network medium own: everywhere',
  'other projects have those for everything.');
select is(pg_temp.told('a', 'worker', 'boom', 'system'), 'input low own: second',
  'They stand above what the reporter says,');
select is(pg_temp.told('a', 'worker', 'bang', 'system'), 'system high reporter',
  'which stands above the built-in ones.');
select is(pg_temp.told('a', 'worker', 'quiet'), 'unknown low nothing_known, own: only severity',
  'A rule may decide the severity alone.');
select is(pg_temp.told('a', 'worker', 'x', null, 418), 'execution medium own: teapot',
  'Or a status.');
select throws_ok($$insert into tocsin.error_classifiers (name, error_type) values ('x', 'auth')$$,
  '23514', null, 'A rule without a condition is refused.');

select * from finish();
rollback;
