begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(12);

create table logs (id int primary key, level text, message text, payload text);
create table bare (a int, b int);
create view seen as select * from logs;
select throws_ok(format('select tocsin.watch_errors(%L, %L, %L)', tbl, preset, options), code, null,
  concat_ws(' ', tbl, preset, options))
from (values
  ('logs', null, '[]', 'TC039'),
  ('logs', null, '{"colour": "level"}', 'TC039'),
  ('logs', 'nobody', '{}', 'TC039'),
  ('logs', null, '{"message": "text"}', 'TC039'),
  ('logs', null, '{"filter": {"lvl": "x"}}', 'TC039'),
  ('logs', null, '{"filter": "error"}', 'TC039'),
  ('logs', null, '{"source": "printer"}', 'TC039'),
  ('logs', null, '{"source_id": "Not A Slug"}', 'TC039'),
  ('logs', null, '{"runs": {"table": "nowhere"}}', 'TC039'),
  ('bare', null, '{}', 'TC039'),
  ('seen', null, '{}', 'TC001')
) as c (tbl, preset, options, code);
select throws_ok('select tocsin.unwatch_errors(''logs'')', 'TC009', null,
  'What is not watched cannot be let go.');

select * from finish();
rollback;
