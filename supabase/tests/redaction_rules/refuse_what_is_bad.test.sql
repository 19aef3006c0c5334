begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(17);

create function pg_temp.save(p_kind tocsin.redaction_kind, p_value text) returns void
language sql as $$
  insert into tocsin.redaction_rules (name, kind, value) values ('x', p_kind, p_value)
$$;
select throws_ok(format('select pg_temp.save(%L, %L)', 'pattern', pattern), 'TC030', null,
  left(pattern, 40))
from unnest(array['(', 'a*', '', '(a)\1', '(a{1,50}){1,50}', '(a|b)?', repeat('x', 501)])
  as pattern;
select throws_ok(format('select pg_temp.save(%L, %L)', 'key', key), '23514', null,
  'No name of a key: ' || key)
from unnest(array['', '.*', 'a b', '(', '"x"']) as key;
select throws_ok($$select pg_temp.save('email', 'x')$$, '23514', null,
  'Email addresses are what they are.');
select throws_ok($$select pg_temp.save('pattern', null)$$, '23514', null,
  'A pattern has to be given.');
select lives_ok($$select pg_temp.save('pattern', 'ACME-\d{6}')$$, 'A good one is taken.');
select pg_temp.save('ip', null) from generate_series(1, 19);
select throws_ok($$select pg_temp.save('ip', null)$$, 'TC025', null, 'Twenty are enough.');
select lives_ok($$insert into tocsin.redaction_rules (project_id, name, kind)
  values ('p', 'x', 'ip')$$, 'A project has twenty of its own.');

select * from finish();
rollback;
